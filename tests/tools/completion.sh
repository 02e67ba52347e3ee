#!/bin/bash
# What bash completes.
# completion.sh PACKETBOAT SOURCES
PATH=$(dirname "$1"):$PATH
. "$(dirname "$0")/expect.sh"
out= err=
. "$2/tools/completion/packetboat.bash"
mkdir -p "$top"/mail/{cur,new,tmp}
echo "site \"shore\" { state = \"$top/shore\" }" >"$top/shore.conf"
expect 0 packetboat -c "$top/shore.conf" init
cat >"$top/conf" <<END
site "here" { state = "$top/state" }
account "alice" { maildir = "$top/mail" }
peer "shore" { key = "$out" }
END
expect 0 packetboat -c "$top/conf" init

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
completes shore packetboat -c "$top/conf" resend s
completes --dry-run packetboat resend --
completes shore packetboat -c "$top/conf" peer expel ''
completes expel packetboat peer ''
completes alice packetboat -c "$top/conf" scan al
completes alice packetboat -c "$top/conf" off ''
completes alice packetboat -c "$top/conf" guard accept ''
completes alice packetboat -c "$top/conf" account drop a
completes list packetboat gap l
completes --json packetboat gap list --
completes "$top/conf" packetboat -c "$top/co"
completes "$top/conf" packetboat log "$top/co"
completes "$top/conf" packetboat apply "$top/co"
completes -O packetboat doctor -
# Every command of the usage has its words, at least --help.
for command in $(packetboat help | sed -n 's/^  \([a-z]*\)  *[a-z[].*/\1/p'); do
	case $command in
	log) completes "$top/conf" packetboat log "$top/co" ;;
	media) completes init packetboat media '' ;;
	*) completes --help packetboat "$command" -- ;;
	esac
done
finish
