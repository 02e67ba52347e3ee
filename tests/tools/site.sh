#!/bin/bash
# status, check, on, off and guard on two sites with mail in them.
# site.sh PACKETBOAT
packetboat=$1
. "$(dirname "$0")/expect.sh"
here=$top/here.conf there=$top/there.conf
mail=$top/Maildir

pb() { # pb CODE CONFIG COMMAND...
	local want=$1 config=$2
	shift 2
	expect "$want" "$packetboat" -c "$config" "$@"
}
json() { # json EXPRESSION WANTED: of the status just printed, s
	local got
	got=$(python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$top/out" "$1" 2>&1)
	[[ $got == "$2" ]] || fail "$1 is $got, not $2"
}

mkdir -p "$mail"/{cur,new,tmp} "$top/stick"
for ((i = 0; i < 120; i++)); do
	printf 'Subject: %d\n\nbody of mail %d\n' "$i" "$i" >"$mail/cur/$i:2,S"
done
cat >"$here" <<END
site "here" { state = "$top/here" }
account "alice" { maildir = "$mail" }
END
cat >"$there" <<END
site "there" { state = "$top/there" }
account "alice" { maildir = "$top/There" }
END
expect 0 "$packetboat" media init "$top/stick"
pb 0 "$there" init
echo "peer \"there\" { key = \"$out\" via = \"dir:$top/stick\" }" >>"$here"
pb 0 "$here" init
echo "peer \"here\" { key = \"$out\" via = \"dir:$top/stick\" }" >>"$there"

# ---- nothing yet
pb 0 "$here" status
says out "site here" "account alice: nothing logged or received yet"
pb 0 "$here" check

# a kill while the state was being made leaves it empty: nothing is lost yet
mkdir -p "$top/here/accounts/alice"
: >"$top/here/accounts/alice/state.db"
pb 0 "$here" check
pb 0 "$here" status
says out "nothing logged or received yet"

# ---- logged, handed over, not acknowledged
pb 0 "$here" write
pb 0 "$here" status
says out "120 messages" "peer there" "lacks" "120 messages"
pb 0 "$here" status --json
json 's["site"]' here
json 's["accounts"][0]["messages"]' 120
json 's["peers"][0]["accounts"][0]["lag_messages"]' 120
json 's["peers"][0]["accounts"][0]["lag_changes"] >= 120' True
json 's["operator"]' '[]'
pb 0 "$here" ship
pb 0 "$here" check
says err "all whole" "1 bundles"
pb 2 "$here" status --xml

# ---- collected, placed, acknowledged
pb 0 "$there" ship
pb 0 "$there" check
says err "parcels"
pb 0 "$there" apply
pb 0 "$there" status --json
json 's["accounts"][0]["messages"]' 120
json 's["accounts"][0]["awaited"]' 0
json 's["peers"][0]["accounts"][0]["not_applied_here"]' 0
pb 0 "$there" ship
pb 0 "$here" sync
pb 0 "$here" status --json
json 's["peers"][0]["accounts"][0]["lag_changes"]' 0
json 's["peers"][0]["accounts"][0]["not_applied_there"]' 0
pb 0 "$here" status
says out "has everything"

# ---- off and on
pb 2 "$here" off nobody
says err 'no account "nobody"'
pb 2 "$here" off alice Nowhere
says err 'no folder "Nowhere"'
pb 0 "$here" off alice
printf 'late\n' >"$mail/cur/late:2,"
pb 0 "$here" write
pb 0 "$here" status
says out "logging is off" "120 messages"
pb 0 "$here" on alice
pb 0 "$here" write
pb 0 "$here" status
says out "121 messages"
pb 0 "$here" off alice INBOX
pb 0 "$here" status
says out "folder INBOX: logging is off"
pb 0 "$here" on alice INBOX

# ---- a mass of expunges waits
pb 2 "$here" guard accept alice INBOX
says err "no expunges wait"
pb 2 "$here" guard alice INBOX
rm "$mail"/cur/*1*
rm "$mail"/cur/*[2468]:*
sleep 1
pb 3 "$here" write
pb 3 "$here" status
says out "expunges wait" "packetboat guard accept alice INBOX"
pb 0 "$here" guard accept alice INBOX
pb 0 "$here" write
pb 0 "$here" status --json
json 's["operator"]' '[]'
json 's["accounts"][0]["messages"]' "$(ls "$mail/cur" | wc -l)"
pb 0 "$here" ship

# ---- every kind of damage is found, and named
flip() { # flip FILE: one bit in its middle, and back with `whole`
	cp -p "$1" "$top/was"
	python3 - "$1" <<-'END'
		import sys
		with open(sys.argv[1], 'r+b') as f:
		    data = f.read()
		    at = len(data) // 2
		    f.seek(at)
		    f.write(bytes([data[at] ^ 4]))
	END
}
whole() {
	cp -p "$top/was" "$1"
	pb 0 "$2" check
}
segment=$(find "$top/here/log" -name '*.changes' -size +1k | head -1)
flip "$segment"
pb 1 "$here" check
says err "${segment##*/}" "damage was found"
whole "$segment" "$here"
state=$top/here/accounts/alice/state.db
flip "$state"
pb 1 "$here" check
says err "state.db"
whole "$state" "$here"
cp -p "$state" "$top/was"
: >"$state"
pb 1 "$here" check
says err "state.db"
whole "$state" "$here"
bundle=$(find "$top/stick" -name '*.pb' | head -1)
flip "$bundle"
pb 1 "$here" check
says err "${bundle##*/}"
whole "$bundle" "$here"
pb 0 "$there" ship
parcel=$(find "$top/there/inbox" -name '*.parcel' | head -1)
flip "$parcel"
pb 1 "$there" check
says err "${parcel##*/}"
whole "$parcel" "$there"
# nothing is accepted and ignored
for command in write ship apply; do
	for both in "--once --follow" "--follow --once"; do
		# shellcheck disable=SC2086
		pb 2 "$here" "$command" $both
		says err "usage: packetboat $command"
	done
done
finish
