#!/bin/bash
# What bash completes.
# completion.sh PACKETBOAT SOURCES
PATH=$(dirname "$1"):$PATH
. "$(dirname "$0")/expect.sh"
out= err=
. "$2/tools/completion/packetboat.bash"
cat >"$top/conf" <<'END'
site "here" { state = "/nowhere" }
peer "shore" { key = "pb1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }
END

completes() { # completes WANTED WORD...: the last word is being completed
	local want=$1
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_packetboat
	out="${COMPREPLY[*]}" last="$*"
	[[ " $out " == *" $want "* ]] || fail "lacks $want"
}
completes write packetboat w
completes sync packetboat s
completes doctor packetboat -q doc
completes --follow packetboat write --f
completes shore packetboat -c "$top/conf" ship sh
completes "$top/conf" packetboat -c "$top/co"
completes "$top/conf" packetboat log "$top/co"
completes "$top/conf" packetboat apply "$top/co"
completes -O packetboat doctor -
finish
