#!/bin/bash
# doctor: what it refuses by name, and that what it prints works.
# doctor.sh PACKETBOAT
packetboat=$1
. "$(dirname "$0")/expect.sh"
export HOME=$top/home PATH=$top/path:$PATH
unset PACKETBOAT_CONF
mkdir -p "$HOME" "$top/path"
cat >"$top/path/doveconf" <<END
#!/bin/sh
[ "\$*" = "-n" ] && cat "$top/dovecot"
END
chmod +x "$top/path/doveconf"

dovecot() { # the rest of what `doveconf -n` prints
	{
		echo "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf"
		echo "base_dir = $top/run"
		cat
	} >"$top/dovecot"
}
maildir() { # an empty Maildir
	mkdir -p "$1"/{cur,new,tmp}
}

# ---- refused by name, with the way out
for format in mbox mdbox sdbox; do
	dovecot <<<"mail_location = $format:~/mail"
	expect 2 "$packetboat" doctor
	says err "refused: $format" "doveadm backup -u USER maildir:"
	[[ -z $out ]] || fail "prints a configuration"
done
dovecot <<'END'
mail_driver = mdbox
mail_path = ~/mdbox
END
expect 2 "$packetboat" doctor
says err "refused: mdbox"
dovecot <<'END'
mail_location = maildir:~/Maildir
maildir_very_dirty_syncs = yes
END
expect 2 "$packetboat" doctor
says err "refused: maildir_very_dirty_syncs=yes" \
	"set maildir_very_dirty_syncs = no"
dovecot <<<"mail_location = maildir:~/Maildir:LAYOUT=index"
expect 2 "$packetboat" doctor
says err "refused: LAYOUT=index"
dovecot <<<"mail_location = maildir:/srv/%{somehow}/Maildir"
expect 2 "$packetboat" doctor
says err "no counterpart"
expect 2 "$packetboat" doctor -x
says err "usage: packetboat doctor"

# ---- what it prints is a configuration
prints() { # prints: the configuration loads, and says what is expected
	printf '%s\n' "$out" >"$top/printed.conf"
	expect 0 "$packetboat" -c "$top/printed.conf" config
}
dovecot <<END
mail_location = maildir:$top/vmail/%d/%n/Maildir:LAYOUT=fs:CONTROL=$top/c/%u
namespace inbox {
  inbox = yes
  location =
  prefix =
}
namespace public {
  location = maildir:/var/public
}
END
user=$(id -un)
maildir "$top/vmail/example.org/alice/Maildir"
maildir "$top/vmail/example.org/alice/Maildir/Work"
if ((EUID == 0)); then
	expect 0 "$packetboat" doctor
	says err "namespace public has a location of its own" \
		"1 account; 2 folders" "Dovecot 2.3.19.1: maildir at"
	prints
	says out "accounts {" "maildir = \"$top/vmail/%d/%n/Maildir\"" \
		"control = \"$top/c/%u\"" 'layout = "fs"'
	dovecot <<-END
		mail_location = maildir:~/Maildir
		userdb {
		  args = uid=vmail gid=vmail home=$top/vmail/%Ld/%Ln
		  driver = static
		}
	END
	expect 0 "$packetboat" doctor
	prints
	says out "maildir = \"$top/vmail/%d/%n/Maildir\""
	grep -q guard_exempt "$top/printed.conf" &&
		fail "usual names are written out"
	dovecot <<-END
		mail_location = maildir:~/Maildir
		namespace inbox {
		  mailbox Trash {
		    special_use = \\Trash
		  }
		  mailbox "Gelöschte Mail" {
		    special_use = \\Trash
		  }
		}
		userdb {
		  args = uid=vmail gid=vmail home=$top/vmail/%Ld/%Ln
		  driver = static
		}
	END
	expect 0 "$packetboat" doctor
	prints
	says out 'guard_exempt = { "Trash", "Junk",' ', "Gelöschte Mail" }'
	chown 4321 "$top/vmail/example.org/alice/Maildir/cur"
	expect 0 "$packetboat" doctor
	says err "Maildir/cur belongs to uid 4321"
	dovecot <<<"mail_location = maildir:/var/mail/all"
	expect 2 "$packetboat" doctor
	says err "all users would share"
	as_user=(setpriv --reuid=4322 --regid=4322 --clear-groups)
	chmod 755 "$top"
	chown -R 4322 "$HOME"
else
	as_user=()
fi

# ---- one's own mail, without root, with and without Dovecot's word
cp "$packetboat" "$top/packetboat"
dovecot <<<"mail_location = maildir:~/Maildir"
maildir "$HOME/Maildir"
maildir "$HOME/Maildir/.Work"
((EUID == 0)) && chown -R 4322 "$HOME"
expect 0 "${as_user[@]}" "$top/packetboat" doctor
says err "2 folders"
prints
says out "state = \"$HOME/.local/state/packetboat\"" \
	"maildir = \"$HOME/Maildir\"" "account \""
expect 0 "${as_user[@]}" "$top/packetboat" doctor -O
says err "no word from Dovecot" "a Maildir at $HOME/Maildir"
prints
says out "maildir = \"$HOME/Maildir\""
rm -r "$HOME/Maildir"
expect 2 "${as_user[@]}" "$top/packetboat" doctor -O
says err "no Maildir found"

# ---- Dovecot elsewhere
maildir "$HOME/Maildir"
((EUID == 0)) && chown -R 4322 "$HOME"
mkdir "$top/run"
echo 999999999 >"$top/run/master.pid"
expect 0 "${as_user[@]}" "$top/packetboat" doctor
says err "warning: $top/run/master.pid names process 999999999" \
	"another container"
finish
