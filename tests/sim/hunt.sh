#!/bin/bash
# Histories that nobody has run yet, of the build that $PB_BIN names, on every
# core, or on as many as $PB_LANES says.
#
#   hunt.sh --all          for $PB_SECONDS (3600), beginning where the file
#                          $PB_COVERED ends: a line "lane first count" for each
#                          stretch of seeds that was run
#   hunt.sh --all --disasters    the same with lost and restored states
set -euo pipefail
sim=$(dirname "${PB_BIN:?names no build}")/tests/sim/sim
[[ ${1-} == --all ]] || exec "$sim" "$@"
shift
covered=${PB_COVERED:-/dev/null}
lanes=${PB_LANES:-$(nproc)}
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT

for ((lane = 1; lane <= lanes; lane++)); do
	# every lane has seeds of its own
	from=$(awk -v lane="$lane" '$1 == lane { next_one = $2 + $3 }
		END { printf "%.0f", next_one ? next_one : lane * 2 ^ 40 }' \
		"$covered")
	"$sim" --from "$from" --seconds "${PB_SECONDS:-3600}" "$@" \
		>"$said/$lane" 2>&1 &
	first[lane]=$from
	pid[lane]=$!
done
failed=0 done=0
for ((lane = 1; lane <= lanes; lane++)); do
	wait "${pid[lane]}" || failed=1
	count=$(sed -n 's/^\([0-9]*\) histories from seed .*/\1/p' "$said/$lane")
	done=$((done + ${count:-0}))
	[[ $covered == /dev/null || ! $count ]] ||
		echo "$lane ${first[lane]} $count" >>"$covered"
	cat "$said/$lane"
done
echo "$done histories$([[ $covered == /dev/null ]] || awk '
	{ all += $3 } END { printf ", %d of all sessions", all }' "$covered")"
exit "$failed"
