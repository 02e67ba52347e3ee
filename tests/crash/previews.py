#!/usr/bin/env python3
"""Kill the applier at each file-changing call of a run that places a preview, or
that places the mail itself and removes the preview, or let that call fail: there
are never two previews, none stays when its mail is there, and nothing of it is
logged.

    previews.py [--seconds N] [--seed N] [--all]
    previews.py PHASE:KIND:CALL ...
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'support'),
                os.path.join(HERE, '..', 'applier')]

import phases                                       # noqa: E402
from previews import Pair, large                    # noqa: E402

APPLIER = 'packetboat-applier'


class Applying(phases.Phase):
    """What lies in b's inbox, and what is there when it was applied."""

    def __init__(self, name, sites, pair, previews, mails):
        self.pair = pair
        self.wanted = previews, mails
        pair.a.run('write')
        pair.a.run('ship')
        pair.b.run('ship')
        super().__init__(name, sites, pair.b, APPLIER)
        self.judge_end()

    def there(self):
        files = self.pair.b.files()
        mails = sorted(self.pair.b.base(f) for f in files if '.Held' not in f)
        return len(files) - len(mails), mails

    def judge_end(self):
        assert self.there() == self.wanted, self.pair.b.files()
        assert self.pair.b.log() == '', self.pair.b.log()

    def judge(self):
        b = self.pair.b
        previews, mails = self.there()
        assert previews <= 1, b.files()
        assert 'large' in mails or self.name == 'placing' or previews
        # A look at the mail takes nothing of it for a user's.
        b.run('write')
        assert phases.run(b, APPLIER) == 0, b.said
        self.judge_end()
        b.run('check')
        b.run('scan')
        self.pair.go()
        self.judge_end()


def applying(sites):
    pair = Pair(sites)
    pair.a.save('before')
    pair.go()
    pair.a.save('large', body=large('Charts'))
    pair.a.save('small')
    yield Applying('placing', sites, pair, 1, ['before', 'small'])
    pair.go()
    [one] = pair.held()
    pair.a.run('held', 'release', 'b', one['id'])
    yield Applying('removing', sites, pair, 0, ['before', 'large', 'small'])


if __name__ == '__main__':
    sys.exit(phases.main(__doc__, applying, 15))
