"""Mail, sites and clocks that are not what they seem, beside users at work at
both sites: somebody is told, nothing is lost, and the manual's way out works."""

import glob
import os
import shutil
import time

import compare
from cases import USER, CaseError, mail_of, without
from cases_restored import WAITS, YEARS, copy, put_back
from packetboat import Site, account_of
from shared import THERE, Shared, contents, says

SOME = 3        # mails that go, and come


def copied(case):
    """An old Maildir under today's state; a site twice; a clock ahead."""
    both = Shared(case)
    both.begin(folders=False, moves=False)
    for part in (_old_mail, _twice, _twice_and_lost, _clock_ahead):
        case.say(part.__name__)
        part(both)
    both.check()


def _forget(site):
    """As the manual has it: the account's state and logs are moved away."""
    for part in ('accounts', 'log'):
        shutil.rmtree(os.path.join(site.state, part, USER))
    says(site, ('write',), WAITS)


def _renew(both):
    """Some of the source's INBOX go, and others come."""
    imap = both.source.imap(USER)
    imap.ok(b'SELECT', b'INBOX')
    for _ in range(SOME):
        imap.append(b'INBOX', mail_of(both.case, b'pb-renewed'))
    imap.ok(b'STORE', b'1:%d' % SOME, b'+FLAGS.SILENT', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()


def _of_the_source(both):
    """The mails in its folders, as they are at the target."""
    return contents(without(compare.take(both.target, USER), *THERE))


def _old_mail(both):
    """The source's, and it was all that was left: what came since comes back,
    what was expunged since does not."""
    site, home = both.from_site, both.source.home(USER)
    for _ in range(SOME):
        both.user.deliver()
    both.mark()
    both.settle()
    both.user.close()
    copy(home, home + '.kept')
    _renew(both)
    both.settle()
    now = without(compare.take(both.source, USER), *THERE)
    put_back(home + '.kept', home)
    shutil.rmtree(home + '.kept')
    # The server's own caches are of the same day, and would list mail that
    # has gone a moment ago.
    for where, _, names in os.walk(home):
        for name in names:
            if name.startswith('dovecot.index'):
                os.unlink(os.path.join(where, name))
    both.forget(both.source)
    says(site, ('write',), 'is stopped: its UIDs went back', ok=(3,))
    before = _of_the_source(both)
    both.other.marks(both.case.args.ops)
    both.exchange()
    says(site, ('status',), 'stopped', ok=(3,))
    if _of_the_source(both) != before:
        raise CaseError('what is in a backup, or is not, reaches the peer')
    _forget(site)
    both.other.marks(both.case.args.ops)
    wanted = both.at_home(now)
    for folder in wanted.folders.values():
        folder.uidnext = 0          # as of the copy, or above
    both.settle(wanted)
    both.work()
    both.settle()


def _clone(both):
    """The source's site and mail, on another machine."""
    site, home = both.from_site, both.source.home(USER)
    there = home + '.clone'
    copy(home, there)
    clone = Site(both.case.directory, 'clone', {USER: {
        key: value.replace(home, there) if isinstance(value, str) else value
        for key, value in account_of(both.source, USER).items()}})
    clone.name = site.name
    clone.add_peer(both.to_site.name, **site.peers[both.to_site.name])
    copy(site.state, clone.state)
    return clone, there


def _twice(both):
    """Its peer took nothing of the copy: an operator says so there."""
    _run_both(both)
    both.mark()
    both.work()
    for site in (*both.sites, *both.sites):
        site.run('sync', ok=(0, 1, 3))
    # It may have heard of the copy only that it asked.
    if 'second machine' in both.to_site.run('status', ok=(0, 3)):
        says(both.to_site, ('gap', 'accept', USER, 'ALL'), 'accepted')
    both.settle()
    both.work()
    both.settle()


def _twice_and_lost(both):
    """Nobody knows what it took: the one that goes on asks."""
    _run_both(both)
    _forget(both.from_site)
    both.mark()
    both.settle()
    both.work()
    both.settle()


def _run_both(both):
    """They take what is for the other; then the copy stops."""
    site, peer = both.from_site, both.to_site
    both.work()
    both.settle()
    both.user.close()
    clone, there = _clone(both)
    before = both.at_home()
    for _ in range(3):
        for one in (site, peer, clone, peer):
            one.run('sync', ok=(0, 1, 3))
    if both.at_home() != before:
        raise CaseError('users are affected')
    both.mark()
    ends = {one: os.path.getsize(one.log) for one in (clone, peer, site)}
    for _ in range(8):
        for one in (clone, peer, site, peer):
            one.run('sync', ok=(0, 1, 3))
        if any('second machine' in one.log_since(at)
               for one, at in ends.items()):
            break
    else:
        raise CaseError('nobody says that it runs twice')
    shutil.rmtree(clone.root)
    shutil.rmtree(there)
    # What the copy left on its way, and what was for the other one.
    peer.run('sync', ok=(0, 1, 3))
    for one, of in ((site, peer), (peer, site)):
        for path in glob.glob(os.path.join(one.state, 'inbox', of.name, '*')):
            os.unlink(path)


def _clock_ahead(both):
    """By years, at both sites."""
    time.sleep(1.1)             # since when it is off, in seconds
    for site in both.sites:
        site.env = {'LD_PRELOAD': os.environ['CLOCKSHIM'],
                    'CLOCK_OFF': str(YEARS),
                    'CLOCK_SINCE': str(int(time.time()))}
    for _ in range(2):
        both.mark(comes=False)  # new mail would have that time's dates
        both.unaffected(both.exchange)
    both.mark(comes=False)
    for site in both.sites:
        site.run('write', ok=(0, 3))
        site.env = {}
    both.work()
    both.unaffected(both.settle, None, True, False)
    for site in both.sites:
        for line in site.run('status', ok=(0, 3)).splitlines():
            if 'needs an operator' in line and 'clock' not in line:
                raise CaseError('it is not the clock: %s' % line)


CASES = {case.__name__: case for case in (copied,)}
