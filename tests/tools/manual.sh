#!/bin/bash
# The manual pages: well-formed, and whole.
# manual.sh PACKETBOAT SOURCES
packetboat=$1
. "$(dirname "$0")/expect.sh"
cd "$2/docs/man" || exit 1
command -v mandoc >/dev/null || {
	echo "SKIP: mandoc is not installed"
	exit 77
}
for page in *.[1-8]; do
	expect 0 mandoc -T lint -W warning "$page"
	[[ -z $out ]] || fail "$page"
done
expect 0 mandoc -T ascii packetboat.1
manual=$(sed 's/.\x08//g' <<<"$out")
for command in $("$packetboat" help |
	sed -n 's/^  \([a-z]*\)  *[a-z[].*/\1/p'); do
	grep -q "packetboat.* $command\b\|^ *$command\b" <<<"$manual" ||
		fail "packetboat.1 lacks $command"
done
expect 0 mandoc -T ascii packetboat.conf.5
manual=$(sed 's/.\x08//g' <<<"$out")
keys=$(sed -n 's/^\t{"[a-z]*", "\([a-z_]*\)".*/\1/p' \
	"$2/lib/program/config_keys.c")
[[ $keys ]] || fail "no keys are found"
for key in $keys; do
	grep -q "\b$key\b" <<<"$manual" || fail "packetboat.conf.5 lacks $key"
done
finish
