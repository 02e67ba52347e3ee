#!/bin/bash
# What each program gave up by itself: the shipper cannot open mail, the writer
# and the applier can make no socket, whoever runs them.
# rights.sh PACKETBOAT ATTEMPTS
. "$(dirname "$0")/expect.sh"
packetboat=$1
attempts=$2
bin=$(dirname "$packetboat")
mail=$top/mail/here
mkdir -p "$mail"/{cur,new,tmp} "$top/media/stick" "$top/conf"
printf 'Subject: 1\n\nbody\n' >"$mail/cur/1:2,S"
for site in here there; do
	cat >"$top/conf/$site.conf" <<END
site "$site" { state = "$top/$site" }
account "alice" { maildir = "$top/mail/$site" }
END
done
here=$top/conf/here.conf there=$top/conf/there.conf
expect 0 "$packetboat" media init "$top/media/stick"
expect 0 "$packetboat" -c "$there" init
echo "peer \"there\" { key = \"$out\" via = \"dir:$top/media/stick\" }" >>"$here"
expect 0 "$packetboat" -c "$here" init
echo "peer \"here\" { key = \"$out\" via = \"dir:$top/media/stick\" }" >>"$there"

# attempt CODE COMMAND...: what is done at its end is told in $err
attempt() {
	local want=$1
	shift
	expect "$want" env LD_PRELOAD="$attempts" ATTEMPT_FILE="$mail/cur/1:2,S" \
		"$@"
}

# ---- the front gives up nothing: what fails below is not this machine's doing
attempt 0 "$packetboat" -c "$here" config
says err "packetboat: open: done" "packetboat: change: done" \
	"packetboat: socket: done" "packetboat: local: done"

# ---- doctor knows what this kernel can do
HOME=$top expect 2 "$packetboat" doctor -O # it finds no mail there
files=1 sockets=1
[[ $err == *"cannot keep the shipper from opening mail"* ]] && files=
[[ $err == *"cannot keep the writer and the applier from networks"* ]] &&
	sockets=
off_network() { # off_network PROGRAM: it could open mail, but make no socket
	says err "$1: open: done"
	[[ -z $sockets ]] || says err "$1: socket: Operation not permitted" \
		"$1: local: Operation not permitted"
}
no_mail() {
	[[ -z $files ]] || says err "packetboat-shipper: open: Permission denied" \
		"packetboat-shipper: change: Permission denied"
	says err "packetboat-shipper: socket: done"
}

attempt 0 "$packetboat" -c "$here" write
off_network packetboat-writer

# ---- the shipper; who reads the mail for it is another process, which may
attempt 0 "$packetboat" -c "$here" ship
no_mail
off_network packetboat-writer
says err "1 body"
attempt 0 "$packetboat" -c "$here" ship --output "$top/media/file.pb" there
no_mail
attempt 0 "$packetboat" -c "$there" ship
no_mail
attempt 0 "$packetboat" -c "$there" apply
off_network packetboat-applier
cat "$top/mail/there/cur"/* | cmp -s "$mail/cur/1:2,S" || fail "not the same mail"

# ---- a daemon, which reads its configuration again
daemon() { # its words in $top/said, until `stop`
	env LD_PRELOAD="$attempts" ATTEMPT_FILE="$mail/cur/1:2,S" \
		"$bin/packetboat-shipper" -v -c "$here" --follow \
		2>"$top/said" </dev/null &
	running=$!
}
said() { # said WORDS: waits for them
	local i
	for ((i = 0; i < 600; i++)); do
		grep -qF -- "$1" "$top/said" && return
		sleep 0.1
	done
	err=$(<"$top/said")
	fail "the daemon does not say: $1"
}
stop() {
	kill "$running"
	wait "$running"
	err=$(<"$top/said")
}
daemon
if [[ $files ]]; then
	said "mail files cannot be opened from here"
	printf 'Subject: 2\n\nbody\n' >"$mail/cur/2:2,"
	expect 0 "$packetboat" -c "$here" write
	said "1 body"
	mkdir "$top/elsewhere"
	sed -i "s,dir:$top/media/stick,dir:$top/elsewhere/stick," "$here"
	kill -HUP "$running"
	said "$top/elsewhere: the right to open it was given up: restart"
	said "read again"
	sed -i "s,dir:$top/elsewhere/stick,dir:$top/media/stick," "$here"
else
	said "could open mail files"
fi
stop
no_mail

# ---- commands have the shipper's rights: it keeps them, and says so
sed -i 's,^\(peer .*\)},\1 before = "true" },' "$here"
daemon
said "could open mail files: \"before\" or \"after\" of a link of peer there"
stop
says err "packetboat-shipper: open: done"
finish
