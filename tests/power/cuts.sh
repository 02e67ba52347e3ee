#!/bin/bash
# The power cuts of tests/power/power_cuts.c, of the build that $PB_BIN names:
#
#   cuts.sh --all             every one that the file $PB_COVERED does not name,
#                             then with other dice, for $PB_SECONDS
#   cuts.sh [--count N] [--seed N] [CASE...]
set -euo pipefail
exec "$(dirname "${PB_BIN:?names no build}")/tests/power/power_cuts" "$@"
