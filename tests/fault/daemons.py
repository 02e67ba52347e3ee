#!/usr/bin/env python3
"""Let each file-changing call of every daemon of the way fail once, or all
from one on for a while: it has to go on by itself when that is over.
Without --all a sample by seed; see tests/support/grid.py."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(
    os.path.abspath(__file__)), '..', 'support'))

import grid     # noqa: E402: behind the path to it

if __name__ == '__main__':
    sys.exit(grid.main(tuple(grid.FOLLOWED)))
