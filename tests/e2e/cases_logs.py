"""Logs that are gone, cut or full, what was lost on the way, and folders that
differ: peers catch up, beside users at work at both sites."""

import os
import shutil
import subprocess
import time

import compare
from cases import USER, CaseError, demand, mail_of
from cases_media import bundles
from randomuser import drop
from shared import Shared, gaps as shared_gaps, says

HOMES = 'INBOX', 'There'        # a folder of each site's
DISK_BYTES = 32 << 20
MANY = 1000             # changes after which the room of logs is looked at


def _segments(site, log=''):
    return sorted(os.path.join(where, name) for where, _, names in
                  os.walk(os.path.join(site.state, 'log', USER, log))
                  for name in names if name.endswith('.changes'))


def _room(site):
    """What its logs take, as it is counted."""
    return sum(-(-os.lstat(os.path.join(where, name)).st_size // 4096) * 4096
               for where, dirs, names in os.walk(os.path.join(
                   site.state, 'log')) for name in dirs + names)


def _write(both, ok=(0,)):
    for site in both.sites:
        site.run('write', ok=ok)


# Logs that are too old, too large, removed; no room for any.

def truncated(case):
    """The peer was away meanwhile, and gets from the state what it lacks."""
    disk = os.path.join(case.directory, 'site-source', 'state')
    both = Shared(case)
    os.mkdir(disk)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=%d' % DISK_BYTES,
                    'none', disk], check=True)
    try:
        both.begin()
        for part in (_too_old, _removed, _full_disk, _over_cap):
            case.say(part.__name__)
            part(both)
        both.check()
    finally:
        subprocess.run(['umount', '--lazy', disk], check=True)


def _from_the_state(both):
    for site in both.sites:
        says(site, ('-v', 'ship'), 'changes came from the state')


def _too_old(both):
    both.work()
    _write(both)
    for site in both.sites:
        site.set(log_keep='0s')
    time.sleep(0.02)
    for site in both.sites:
        says(site, ('-v', 'write'), 'old segments removed')
        demand(_segments(site), 'not removed')
        says(site, ('status',), 'from the state: old segments are removed')
    both.work()
    _from_the_state(both)
    both.settle()
    for site in both.sites:
        site.set()


def _removed(both):
    """By hand, and all of them."""
    both.work()
    _write(both)
    for site in both.sites:
        shutil.rmtree(os.path.join(site.state, 'log', USER))
        says(site, ('check',), 'missing, and the log ends in it', ok=(1,))
        says(site, ('status',), 'somebody removed segments of its log',
             ok=(3,))
    both.work()
    _from_the_state(both)
    for site in both.sites:
        site.run('sync', ok=(0, 3))
    # A log that nobody touches is seen to within the hour.
    for site in both.sites:
        site.set(log_keep='0s')
        site.run('write', ok=(0, 3))
        site.set()
    both.settle()


def _fill(path):
    with open(path, 'wb', buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def _full_disk(both):
    """That of the state and the logs; the mail's has room."""
    filler = os.path.join(both.from_site.state, 'filler')
    both.work()
    both.to_site.run('sync')
    _fill(filler)
    both.work()
    says(both.from_site, ('write',), 'No space left', ok=(1,))
    says(both.from_site, ('sync',), 'of the disk is free', ok=(1, 3))
    says(both.from_site, ('status',), 'of the disk is free', ok=(3,))
    both.work()
    os.unlink(filler)
    both.settle()


def _over_cap(both):
    both.user.avoid.append(b'Many')
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Many')
    imap.close()
    both.work()
    _write(both)
    before = _room(both.from_site)
    both.from_site.set(log_cap=str(before))
    for number in range(MANY):
        drop(both.source.folder_dir(USER, 'Many'), '%d.many' % number,
             b'Subject: pb-many-%d\n\n' % number,
             *both.source.owner(USER), mtime=1234567890 + number)
    compare.take(both.source, USER)     # each has its UID
    says(both.from_site, ('write',), 'the logs had reached log_cap',
         'of them peers had not applied')
    says(both.from_site, ('status',), 'for want of room that peers had not')
    room = _room(both.from_site)
    if room > before:
        raise CaseError('the logs take %d bytes, not %d' % (room, before))
    both.work()
    both.settle()


# What was lost on the way, or in a log.

def gaps(case):
    """Said by status until it is made up for; users go on at both sites."""
    both = Shared(case)
    both.begin()
    for part in (_lost_bundles, _lost_range, _never_heard):
        case.say(part.__name__)
        part(both)
    both.check()


def _lost_bundles(both):
    """On their way in both directions; no more than the next ones is needed."""
    both.work()
    carrier = os.path.join(both.case.directory, 'carrier')
    for site in both.sites:
        site.run('write')
        site.run('ship')
        lost = bundles(carrier)
        if not lost:
            raise CaseError('nothing is on its way')
        for path in lost:
            os.unlink(path)
    both.work()
    both.settle()


def _append(both):
    """A mail for a folder of each home."""
    for dovecot, folder in ((both.source, b'INBOX'), (both.target, b'There')):
        imap = dovecot.imap(USER)
        imap.append(folder, mail_of(both.case, b'pb-more'))
        imap.close()


def _log_of(site, folder):
    return site.sql(USER, "SELECT lower(hex(fid)) FROM folder WHERE"
                          " path = '%s'" % folder).strip()


def _lost_range(both):
    """The log goes on behind segments that somebody removed."""
    _append(both)
    both.work()
    _write(both)
    for site, folder in zip(both.sites, HOMES):
        for path in _segments(site, _log_of(site, folder)):
            os.unlink(path)
    _append(both)
    _write(both)
    for site, folder, peer in zip(both.sites, HOMES, both.sites[::-1]):
        [gap] = shared_gaps(site)
        if (gap['kind'], gap['folder'], gap['lacking']) != (
                'lost', folder, [peer.name]):
            raise CaseError('not said what is lost and who lacks it: %s' % gap)
    both.exchange()
    both.work()
    both.settle()


def _skip(site, peer, folder):
    """Both come to believe that the peer knows all that the site logged."""
    lsn, chain = site.sql(USER, (
        "SELECT l.lsn, l.chain FROM log l JOIN meta m ON"
        " m.key = 'incarnation' AND l.incarnation = m.value"
        " WHERE l.folder = x'%s'") % _log_of(site, folder)).split()
    site.sql(USER, "UPDATE ack SET durable = %s, chain = %s, applied = %s"
             " WHERE log IN (SELECT id FROM log WHERE lsn = %s AND chain = %s)"
             % (lsn, chain, lsn, lsn, chain))
    peer.sql(USER, "UPDATE log SET lsn = %s, chain = %s WHERE lsn > 0 AND"
             " folder = x'%s' AND incarnation = (SELECT incarnation FROM log"
             " WHERE lsn > 0 AND folder = x'%s')"
             % (lsn, chain, *[_log_of(site, folder)] * 2))


def _never_heard(both):
    """Positions say that a peer knows what it was never told: the two compare
    the folder, while users change it at its home."""
    _append(both)
    both.work()
    _write(both)
    for site, peer, folder in zip(both.sites, both.sites[::-1], HOMES):
        _skip(site, peer, folder)
    _append(both)
    both.exchange(*both.sites, both.from_site)
    told = {gap['folder'] for site in both.sites for gap in shared_gaps(site)
            if gap['kind'] == 'differs'}
    if not told.issuperset(HOMES):
        raise CaseError('only of %s it is told that they differ' % told)
    for _ in range(2):
        both.work()
        both.exchange()
    both.settle(uids=False)


CASES = {case.__name__: case for case in (truncated, gaps)}
