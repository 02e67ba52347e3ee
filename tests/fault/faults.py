#!/usr/bin/env python3
"""Let each file-changing call of every program of the way fail, once or from
then on; pull the medium out at each.
Without --all a sample by seed; see tests/support/grid.py."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(
    os.path.abspath(__file__)), '..', 'support'))

import grid     # noqa: E402: behind the path to it

if __name__ == '__main__':
    sys.exit(grid.main(('EIO', 'ENOSPC', 'EINTR', 'short', 'full', 'broken',
                        'pulled')))
