#!/bin/bash
# Mistakes planted in a copy of the tree, one at a time: the simulator must
# catch each. A patch in mistakes/ begins with what is wrong in it; a second
# line "test: NAME" says which unit test catches it, where no program calls yet
# what is wrong.
#
#   mistakes.sh                  that every patch still applies
#   mistakes.sh NAME...          build with these, run until they are caught
#   mistakes.sh --all            with every one, in any order; those that the
#                                file $PB_COVERED names are skipped, for
#                                $PB_SECONDS
#
# A line for each: name, histories it took, what was wrong then. Histories are
# those from seed 1 on, at most $PB_HISTORIES of them (default 20000); where the
# first 500 do not catch it the kept ones are swept. A mistake of views is looked
# for in histories with views.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
most=${PB_HISTORIES:-20000}
few=500
work=$(mktemp -d "${TMPDIR:-/tmp}/packetboat-mistakes-XXXXXX")
trap 'rm -rf "$work"' EXIT

check() { # every patch applies to the tree as it is
	local patch failed=0
	for patch in "$here"/mistakes/*.patch; do
		if ! patch -d "$root" -p1 -f --dry-run -s <"$patch" \
			>"$work/said"; then
			echo "$(basename "$patch") does not apply:"
			cat "$work/said"
			failed=1
		fi
	done
	echo "$(find "$here/mistakes" -name '*.patch' | wc -l) mistakes"
	return "$failed"
}

copy_tree() {
	local part
	mkdir "$work/tree" "$work/build"
	for part in CMakeLists.txt cmake lib writer shipper applier tools \
		tests docs; do
		cp -a "$root/$part" "$work/tree/"
	done
	cmake -S "$work/tree" -B "$work/build" -G Ninja >"$work/log" 2>&1 &&
		ninja -C "$work/build" sim >>"$work/log" 2>&1 && return
	tail -30 "$work/log"
	exit 1
}

patch_tree() { # patch_tree NAME [-R]
	patch -d "$work/tree" -p1 -s -f --no-backup-if-mismatch "${@:2}" \
		<"$here/mistakes/$1.patch"
}

# caught_in NAME FIRST COUNT: what is wrong in these histories, or nothing.
caught_in() {
	local kind=()

	[[ $1 != view_* ]] || kind=(--views)
	"$work/build/tests/sim/sim" --from "$2" --count "$3" --first \
		"${kind[@]}" \
		>"$work/said" 2>&1 || true
	sed -n 's/^seed \([0-9]*\): \(.*\)/\1 histories: \2/p' "$work/said" |
		head -1
}

caught_in_kept() {
	"$work/build/tests/sim/sim" --no-shrink --sweep \
		--replay "$here"/histories/*.txt >"$work/said" 2>&1 || true
	sed -n 's,^.*/\([a-z_]*\)\.txt: \([a-z]*: .*\),kept \1: \2,p' \
		"$work/said" | head -1
}

# caught_by_sim NAME: what is wrong where it was caught, or nothing.
caught_by_sim() {
	local said

	said=$(caught_in "$1" 1 "$few")
	[[ $said ]] || said=$(caught_in_kept)
	[[ $said ]] || said=$(caught_in "$1" $((few + 1)) $((most - few)))
	echo "$said"
}

caught_by_test() { # caught_by_test NAME
	"$work/build/tests/$1" >"$work/said" 2>&1 && return
	sed -n "s/^\[  FAILED  \] \([a-z_0-9]*\)$/$1: \1/p" "$work/said" | head -1
}

plant() { # plant NAME: 0 caught, 1 not
	local name=$1 said test
	test=$(sed -n '2s/^test: //p' "$here/mistakes/$name.patch")
	if ! patch_tree "$name" ||
		! ninja -C "$work/build" "${test:-sim}" >"$work/log" 2>&1; then
		tail -30 "$work/log"
		echo "$name: does not compile"
		exit 1
	fi
	if [[ $test ]]; then
		said=$(caught_by_test "$test")
	else
		said=$(caught_by_sim "$name")
	fi
	patch_tree "$name" -R
	if [[ ! $said ]]; then
		echo "$name: not caught"
		return 1
	fi
	echo "$name: $said"
}

if (($# == 0)); then
	check
	exit
fi
if [[ $1 == --all ]]; then
	mapfile -t names < <(find "$here/mistakes" -name '*.patch' \
		-printf '%f\n' | sed 's/\.patch$//' | sort -R)
else
	names=("$@")
fi
copy_tree
covered=${PB_COVERED:-/dev/null}
failed=0 caught=0
for name in "${names[@]}"; do
	((SECONDS < ${PB_SECONDS:-1000000})) || break
	# what was caught in another state of things is to be caught again
	mark=$(cat "$here"/mistakes/"$name".patch "$work"/tree/tests/sim/*.[ch] |
		sha256sum | cut -c1-16)
	grep -qs "^$mark $name$" "$covered" && continue
	if plant "$name"; then
		caught=$((caught + 1))
		[[ $covered == /dev/null ]] || echo "$mark $name" >>"$covered"
	else
		failed=1
	fi
done
echo "$caught mistakes caught"
exit "$failed"
