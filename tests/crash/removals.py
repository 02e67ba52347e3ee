#!/usr/bin/env python3
"""Kill the writer at each file-changing call of a run that removes old segments,
or let that call fail: nothing is damaged or lost, and the next run finishes.

    removals.py [--seconds N] [--seed N] [--all]
    removals.py removing:KIND:CALL ...
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'support'),
                os.path.join(HERE, '..', 'applier')]

import phases                                       # noqa: E402
from retention import logs, setting                 # noqa: E402
from truncation import equal, exchange, no_gap, paired, \
    while_away                                      # noqa: E402


class Removing(phases.Phase):
    """Sealed segments and last ones, all to go, and a change to be logged."""

    def __init__(self, sites):
        self.a, self.b = a, b = paired(sites)
        while_away(a)
        for path in logs(a):
            with open(path, 'ab') as file:
                file.write(b'x')
        for base, name in (('m5', ''), ('w1', '.Work')):
            a.flag(base, 'F', name)
        a.run('write')
        assert len(logs(a)) == 5, logs(a)
        setting(a, 'log_keep = "0s"')
        a.flag('m6', 'S')
        super().__init__('removing', sites, a, 'packetboat-writer')
        assert not logs(a), logs(a)
        assert sum('.changes' in call and call.startswith('unlink')
                   for call in self.calls) == 5, self.calls

    def judge(self):
        a, b = self.a, self.b
        a.run('check')
        a.run('gap', 'list')
        time.sleep(0.002)
        a.run('write')
        assert not logs(a), logs(a)
        left = [name for _, _, names in os.walk(os.path.join(a.state, 'log'))
                for name in names]
        assert not left, left
        no_gap(a)
        exchange(a, b)
        equal(a, b)
        no_gap(a, b)


def removing(sites):
    yield Removing(sites)


if __name__ == '__main__':
    sys.exit(phases.main(__doc__, removing, 30))
