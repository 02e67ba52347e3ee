#!/bin/bash
# The damage of tests/flips/flips.c, of the build that $PB_BIN names:
#
#   flips.sh --all            every byte that the file $PB_COVERED does not
#                             name, for $PB_SECONDS
#   flips.sh [--count N] [--seed N] [CASE...]
set -euo pipefail
exec "$(dirname "${PB_BIN:?names no build}")/tests/flips/flips" "$@"
