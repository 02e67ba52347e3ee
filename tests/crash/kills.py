#!/usr/bin/env python3
"""Kill every program of the way before each of its file-changing calls, within
each write, and while it waits for a lock; or tell it to end there.
Without --all a sample by seed; see tests/support/grid.py."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(
    os.path.abspath(__file__)), '..', 'support'))

import grid     # noqa: E402: behind the path to it

if __name__ == '__main__':
    sys.exit(grid.main(('kill', 'kill_after', 'torn', 'term', 'waiting')))
