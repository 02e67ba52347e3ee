# expect: what the shell tests share. Source it; `finish` at the end.

set -uo pipefail
top=$(mktemp -d "${TMPDIR:-/tmp}/pb-tools.XXXXXX")
trap 'rm -rf "$top"' EXIT
failures=0

# expect CODE COMMAND...: runs it, output in $out, errors in $err
expect() {
	local want=$1 rc=0
	shift
	"$@" >"$top/out" 2>"$top/err" </dev/null || rc=$?
	out=$(<"$top/out")
	err=$(<"$top/err")
	last="$*"
	if ((rc != want)); then
		fail "exit $rc, not $want"
	fi
}

fail() {
	printf 'FAILED: %s\n  %s\n--- out\n%s\n--- err\n%s\n' "${last-}" "$*" \
		"$out" "$err"
	((++failures))
}

# says WHERE WORDS...: each of the words is in $out or $err
says() {
	local where=$1 text word
	shift
	text=${!where}
	for word; do
		[[ $text == *"$word"* ]] || fail "$where lacks: $word"
	done
}

finish() {
	((failures == 0)) && echo "all as expected" && exit 0
	echo "$failures failed"
	exit 1
}
