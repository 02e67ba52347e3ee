#!/bin/bash
# The shipper asks a writer behind a socket for bodies, as under systemd, and
# needs no right to the mail folders.
# bodies.sh PACKETBOAT
. "$(dirname "$0")/expect.sh"
bin=$(dirname "$1")
maildir=$top/home/alice/Maildir
mkdir -p "$maildir"/{cur,new,tmp} "$top/stick"
for i in 1 2 3; do
	printf 'Subject: %s\n\nbody %s\n' "$i" "$i" >"$maildir/cur/$i:2,S"
done
cat >"$top/there.conf" <<END
site "there" { state = "$top/there" }
account "alice" { maildir = "$top/There" }
END
cat >"$top/here.conf" <<END
site "here" { state = "$top/here" }
accounts { maildir = "$top/home/%u/Maildir" }
END
expect 0 "$bin/packetboat" media init "$top/stick"
expect 0 "$bin/packetboat" -c "$top/there.conf" init
cat >>"$top/here.conf" <<END
peer "there" { key = "$out" via = "dir:$top/stick" }
END
expect 0 "$bin/packetboat" -c "$top/here.conf" init
cat >>"$top/there.conf" <<END
peer "here" { key = "$out" via = "dir:$top/stick" }
END
expect 0 "$bin/packetboat" -c "$top/here.conf" write

# nobody behind the socket: an error that names it, nothing lost
export PACKETBOAT_BODIES=$top/bodies
expect 1 "$bin/packetboat" -c "$top/here.conf" ship
says err "$top/bodies"

cat >"$top/serve.py" <<'END'
import socket, subprocess, sys
path, *command = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    connection, _ = listener.accept()
    subprocess.run(command, stdin=connection, stdout=connection)
    connection.close()
END
python3 "$top/serve.py" "$top/bodies" "$bin/packetboat-writer" --serve \
	-c "$top/here.conf" &
server=$!
trap 'kill "$server"; rm -rf "$top"' EXIT
for ((i = 0; i < 100; i++)); do
	[[ -S $top/bodies ]] && break
	sleep 0.05
done
# a shipper that has no writer beside it
mkdir "$top/bin"
cp "$bin/packetboat-shipper" "$top/bin"
shut_out=()
if ((EUID == 0)); then
	chown -R 4321 "$top/home/alice"
	chmod 700 "$top/home/alice"
	chmod 755 "$top" "$top/home"
	shut_out=(setpriv --no-new-privs --inh-caps=-all --bounding-set=-all)
	expect 2 "${shut_out[@]}" ls "$maildir/cur"
fi
expect 0 "${shut_out[@]}" "$top/bin/packetboat-shipper" -c "$top/here.conf"
says err "3 bodies"
unset PACKETBOAT_BODIES
expect 0 "$bin/packetboat" -c "$top/there.conf" ship
expect 0 "$bin/packetboat" -c "$top/there.conf" apply
sum() { (cd "$1" && cat cur/* | sha256sum); }
[[ $(sum "$maildir") == $(sum "$top/There") ]] || fail "not the same mail"
finish
