#!/usr/bin/env python3
"""Kill the applier at each file-changing call of a run that places a preview, or
that places the mail itself and removes the preview, or let that call fail: there
are never two previews, none stays when its mail is there, and nothing of it is
logged.

    previews.py [--seconds N] [--seed N] [--all]
    previews.py PHASE:KIND:CALL ...
"""

import argparse
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'support'),
                os.path.join(HERE, '..', 'applier')]

import plainsites                                   # noqa: E402
from previews import Pair, large                    # noqa: E402
from removals import KINDS, run                    # noqa: E402
from snapshot import Snapshots                      # noqa: E402


def apply(site, **fault):
    return run(site, 'packetboat-applier', **fault)


class Phase:
    """What lies in b's inbox, and what is there when it was applied."""

    def __init__(self, name, pair, previews, mails):
        self.name = name
        self.pair = pair
        self.wanted = previews, mails
        pair.a.run('write')
        pair.a.run('ship')
        pair.b.run('ship')
        top = os.path.dirname(pair.path)
        self.kept = '%s.kept-%s' % (top, name)
        self.snapshot = Snapshots(top, self.kept).take()
        path = os.path.join(top, 'calls')
        code = apply(pair.b, FAULT_KIND='count', FAULT_LOG=path)
        assert code == 0, pair.b.said
        self.judge_end()
        with open(path) as file:
            self.calls = [line.split(' ', 2)[2].strip() for line in file]
        os.unlink(path)

    def there(self):
        files = self.pair.b.files()
        mails = sorted(self.pair.b.base(f) for f in files if '.Held' not in f)
        return len(files) - len(mails), mails

    def judge_end(self):
        assert self.there() == self.wanted, self.pair.b.files()
        assert self.pair.b.log() == '', self.pair.b.log()

    def judge(self, kind, number):
        b = self.pair.b
        code = apply(b, FAULT_KIND=kind, FAULT_AT=str(number))
        assert code in ((-9, 0) if kind in ('kill', 'kill_after', 'torn')
                        else (0, 1, 3)), (code, b.said)
        previews, mails = self.there()
        assert previews <= 1, b.files()
        assert 'large' in mails or self.name == 'placing' or previews
        # A look at the mail takes nothing of it for a user's.
        b.run('write')
        assert apply(b) == 0, b.said
        self.judge_end()
        b.run('check')
        b.run('scan')
        self.pair.go()
        self.judge_end()


def phases(sites):
    pair = Pair(sites)
    pair.a.save('before')
    pair.go()
    pair.a.save('large', body=large('Charts'))
    pair.a.save('small')
    yield Phase('placing', pair, 1, ['before', 'small'])
    pair.go()
    [one] = pair.held()
    pair.a.run('held', 'release', 'b', one['id'])
    yield Phase('removing', pair, 0, ['before', 'large', 'small'])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=15)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--all', action='store_true')
    parser.add_argument('cases', nargs='*')
    args = parser.parse_args()
    sites = plainsites.Sites()
    failed = done = 0
    phase = {}
    try:
        for one in phases(sites):
            phase[one.name] = one
        cases = [(one, kind, number) for one in phase.values()
                 for kind in KINDS for number in range(1, len(one.calls) + 1)]
        total = len(cases)
        random.Random(args.seed).shuffle(cases)
        if args.cases:
            cases = [(phase[name], kind, int(number)) for name, kind, number
                     in (case.split(':') for case in args.cases)]
        end = time.monotonic() + args.seconds
        for one, kind, number in cases:
            if time.monotonic() > end and not (args.all or args.cases):
                break
            one.snapshot.restore()
            done += 1
            try:
                one.judge(kind, number)
            except AssertionError as error:
                failed += 1
                print('%s:%s:%d: %s: %s' % (
                    one.name, kind, number, one.calls[number - 1], error))
        print('%d of %d cases, %d failed, seed %d' % (
            done, total, failed, args.seed))
    finally:
        sites.close()
        subprocess.run(['rm', '-rf'] + [one.kept for one in phase.values()],
                       check=True)
    return 1 if failed or not done else 0


if __name__ == '__main__':
    sys.exit(main())
