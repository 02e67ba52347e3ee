"""Sites that went back in time, as a whole or in part, beside users at work at
both: nothing is lost, nothing doubled, nothing that was expunged is back."""

import os
import shutil
import subprocess
import time

import compare
from cases import USER, CaseError, demand, without
from compare import differences
from shared import THERE, Shared, contents, says

YEARS = 500000000       # seconds
WAITS = 'nothing is logged before they have answered'


def copy(path, to):
    """As a backup does it: other files, the same owners and dates."""
    subprocess.run(['cp', '-a', path, to], check=True)


def put_back(kept, path):
    """A copy that was kept takes the place of what came since; as on another
    disk, where inodes are others."""
    os.rename(path, path + '.gone')
    copy(kept, path)
    shutil.rmtree(path + '.gone')


def rolled_back(case):
    """States and machines, clocks and sticks."""
    both = Shared(case)
    # Folders that were renamed or deleted since the last exchange come back.
    both.begin(folders=False, moves=False)
    for part in (_old_state, _lost_state, _old_image, _wrong_clock, _old_stick):
        case.say(part.__name__)
        part(both)
    both.check()


def _joins(both, site):
    """It waits for what the peer knows; users go on meanwhile."""
    says(site, ('write',), WAITS)
    both.mark()
    other = both.to_site if site is both.from_site else both.from_site
    both.unaffected(both.exchange, site, other)
    both.mark()
    both.unaffected(both.settle)
    both.work()
    both.settle()


def _old_state(both):
    """Of a week ago, beside the mail of today; at each in turn."""
    for site in both.sites:
        copy(site.state, site.state + '.kept')
        both.work()
        both.settle()
        both.mark()
        put_back(site.state + '.kept', site.state)
        shutil.rmtree(site.state + '.kept')
        says(site, ('status',), site.name, ok=(0, 3))
        _joins(both, site)


def _lost_state(both):
    """At each in turn."""
    for site in both.sites:
        both.mark()
        for part in ('accounts', 'log'):
            shutil.rmtree(os.path.join(site.state, part))
        _joins(both, site)


def _old_image(both):
    """All of the source as it was: its server's memory, too."""
    site, home = both.from_site, both.source.home(USER)
    both.user.close()
    for path in (site.state, home):
        copy(path, path + '.kept')
    both.work()
    both.settle()
    both.user.close()
    now = without(compare.take(both.source, USER), *THERE)
    for path in (site.state, home):
        put_back(path + '.kept', path)
        shutil.rmtree(path + '.kept')
    both.forget(both.source)
    says(site, ('write',), 'a new incarnation begins', WAITS)
    both.other.ops(both.case.args.ops)
    wanted = both.at_home(now)
    for folder in wanted.folders.values():
        folder.uidnext = 0          # as of the image, or above
    both.settle(wanted)
    both.work()
    both.settle()


def _wrong_clock(both):
    """Years behind, at both sites."""
    time.sleep(1.1)             # since when it is off, in seconds
    for site in both.sites:
        site.env = {'LD_PRELOAD': os.environ['CLOCKSHIM'],
                    'CLOCK_OFF': str(-YEARS),
                    'CLOCK_SINCE': str(int(time.time()))}
    for _ in range(2):
        both.mark(comes=False)  # new mail would have that time's dates
        both.unaffected(both.exchange)
    both.mark(comes=False)
    for site in both.sites:
        site.run('write')
        site.env = {}
    both.work()
    both.unaffected(both.settle)


def _old_stick(both):
    """With bundles that were collected long ago comes back from a drawer."""
    carrier = os.path.join(both.case.directory, 'carrier')
    drawer = carrier + '.drawer'
    both.work()
    both.exchange()
    both.work()
    for site in both.sites:
        site.run('write')
    both.from_site.run('ship')
    copy(carrier, drawer)
    for _ in range(2):
        both.settle()
        both.work()
    both.settle()
    put_back(drawer, carrier)
    before = both.at_home()
    says(both.to_site, ('sync',), 'collected')
    demand(differences(before, both.at_home()), 'users are affected')
    both.settle(before)
    both.work()
    both.settle()


CASES = {case.__name__: case for case in (rolled_back,)}
