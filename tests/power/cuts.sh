#!/bin/bash
# The power cuts of tests/power/power_cuts.c, of the build that $PB_BIN names:
#
#   cuts.sh --all             every one; $PB_COVERED names a file of what is done
#   cuts.sh [--seconds N] [--seed N] [CASE...]
set -euo pipefail
exec "$(dirname "${PB_BIN:?names no build}")/tests/power/power_cuts" "$@"
