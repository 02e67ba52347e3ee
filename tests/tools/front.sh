#!/bin/bash
# The front as it is called: options, help, exit codes, the programs beside it.
# front.sh PACKETBOAT SOURCES
packetboat=$1
. "$(dirname "$0")/expect.sh"
export HOME=$top/home
unset PACKETBOAT_CONF
mkdir "$HOME"

# ---- options and help
expect 0 "$packetboat" --version
[[ $out =~ ^packetboat\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "no version"
expect 0 "$packetboat" --help
says out "Usage: packetboat" "init" "doctor" "Exit: 0 done"
expect 0 "$packetboat" help log
says out "Usage: packetboat [-c FILE] [-q] [-v] log FILE..." "Exit: 0 done"
expect 0 "$packetboat" ship --help
says out "[PEER [LINK]]"
expect 2 "$packetboat"
says err "no command"
expect 2 "$packetboat" -x
says err "unknown option -x"
expect 2 "$packetboat" -c
says err "-c wants a file"
expect 2 "$packetboat" wirte
says err '"wirte"' 'is "write" meant?'
expect 2 "$packetboat" help sycn
says err 'is "sync" meant?'
expect 2 "$packetboat" zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz
says err "packetboat help"

# ---- configuration and key
expect 2 "$packetboat" config
says err "no configuration" "$HOME/.config/packetboat/packetboat.conf"
conf=$top/conf
cat >"$conf" <<END
site "here" { state = "$top/state/of/here" }
END
expect 2 "$packetboat" -c "$top/none" config
says err "$top/none: there is no such file"
expect 0 "$packetboat" -c "$conf" config
says out 'site "here" {' 'reserve = "5%"'
expect 2 "$packetboat" -c "$conf" config more
says err "usage: packetboat config"
expect 0 env PACKETBOAT_CONF="$conf" "$packetboat" config
expect 2 "$packetboat" -c "$conf" key
says err "packetboat init"
expect 0 "$packetboat" -c "$conf" init
key=$out
[[ $key =~ ^pb1:[A-Za-z0-9+/]{43}$ ]] || fail "no key line"
[[ $(stat -c %a "$top/state/of/here/key") == 600 ]] || fail "key is not 0600"
[[ $(stat -c %a "$top/state/of/here") == 700 ]] || fail "state is not 0700"
expect 1 "$packetboat" -c "$conf" init
says err "made already"
expect 0 "$packetboat" -q -c "$conf" key
[[ $out == "$key" ]] || fail "another key than init printed"
# A key that was lost is not replaced: what is there would be nobody's.
mkdir -p "$top/state/of/here/accounts/alice"
mv "$top/state/of/here/key" "$top/key"
for command in init key status; do
	expect 2 "$packetboat" -c "$conf" $command
	says err "this site's key is lost"
done
# Unless somebody says whose key it is to follow.
expect 2 "$packetboat" -c "$conf" init --continue "${key}x"
says err "not a key line"
expect 0 "$packetboat" -c "$conf" init --continue "$key"
[[ $out =~ ^pb1:[A-Za-z0-9+/]{43}:[A-Za-z0-9+/]{16}$ ]] ||
	fail "no line of a later key"
expect 1 "$packetboat" -c "$conf" init --continue "$key"
says err "made already"
mv "$top/key" "$top/state/of/here/key"
rm -r "$top/state/of/here/accounts"
cat >>"$conf" <<END
peer "there" { key = "$key" via = "dir:$top" }
END
expect 0 "$packetboat" -c "$conf" config
expect 1 bash -c '"$1" -c "$2" config >/dev/full' _ "$packetboat" "$conf"
says err "could not be written"
echo "junk" >>"$conf"
expect 2 "$packetboat" -c "$conf" key
says err "$conf:4: \"junk\""

# ---- log
expect 2 "$packetboat" log
golden=$2/tests/golden/v1
expect 1 "$packetboat" log "$golden/bad/frame-damaged.changes"
says out "segment" "frame at 102" "lsn 1..1"
says err "frame at 128" "damaged"
expect 1 "$packetboat" log "$golden/bad/text-mode-to-dos.changes"
says err "text-mode transfer"
expect 0 "$packetboat" log "$golden/good/header-alone.changes"
: >"$top/empty"
expect 1 "$packetboat" log "$top/empty" "$golden/good/header-alone.changes"
says err "empty"
says out "header-alone"
expect 1 "$packetboat" log "$top/not-there"
says err "$top/not-there"

# ---- the programs, played by scripts that tell how they were called
bin=$top/bin
mkdir "$bin"
cp "$packetboat" "$bin/packetboat"
expect 1 "$bin/packetboat" write
says err "$bin/packetboat-writer"
play() { # play PROGRAM EXIT: every call is a line in $top/calls
	cat >"$bin/packetboat-$1" <<-END
		#!/bin/bash
		echo "$1 \$*" >>"$top/calls"
		exit $2
	END
	chmod +x "$bin/packetboat-$1"
}
calls() { # calls LINE...: exactly these, since the last time
	local want
	want=$(printf '%s\n' "$@")
	[[ $(<"$top/calls") == "$want" ]] || fail "calls: $(<"$top/calls")"
	: >"$top/calls"
}
play writer 0
play shipper 0
play applier 0
expect 0 "$bin/packetboat" -c a.conf -q -v write --once
calls "writer -c a.conf -q -v --once"
expect 0 "$bin/packetboat" ship shore sat --output -
calls "shipper shore sat --output -"
play applier 3
expect 3 "$bin/packetboat" apply file
calls "applier file"
play applier 0
expect 0 "$bin/packetboat" -ca.conf sync shore
calls "writer -c a.conf" "shipper -c a.conf --collect shore" "applier -c a.conf" \
	"shipper -c a.conf --hand-over shore"
play shipper 4
expect 4 "$bin/packetboat" sync
calls "writer " "shipper --collect" "applier " "shipper --hand-over"
play applier 3
expect 3 "$bin/packetboat" sync
calls "writer " "shipper --collect" "applier " "shipper --hand-over"
play writer 1
expect 1 "$bin/packetboat" sync
calls "writer " "shipper --collect" "applier " "shipper --hand-over"
play writer 2
expect 2 "$bin/packetboat" sync
calls "writer "
expect 2 "$bin/packetboat" sync a b
expect 2 "$bin/packetboat" sync --follow

# a program that is killed is a failure; a stop reaches it and ends sync
play writer 0
cat >"$bin/packetboat-shipper" <<'END'
#!/bin/bash
kill -9 $$
END
expect 1 "$bin/packetboat" sync
says err "ship: ended by signal 9"
: >"$top/calls"
cat >"$bin/packetboat-writer" <<END
#!/bin/bash
trap 'echo stopped >>"$top/calls"; exit 0' TERM
touch "$top/waits"
for ((i = 0; i < 600; i++)); do sleep 0.1; done
END
"$bin/packetboat" sync &
pid=$!
for ((i = 0; i < 100; i++)); do
	[[ -e $top/waits ]] && break
	sleep 0.1
done
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
last="sync, stopped"
((rc == 1)) || fail "exit $rc, not 1"
calls stopped
finish
