"""Mail that a disk spoilt, and states that do not agree: found, told, and put
right beside two running Dovecots."""

import json
import os
import re

import compare
from cases import USER, CaseError, Pair, demand, mail_of
from compare import differences


def damaged(case):
    """Each at the receiving site and at home."""
    for part in (_flipped, _truncated, _differs, _lost_log):
        case.say(part.__name__)
        part(case.inner())
        case.close()


def _mailed(case):
    """A pair whose INBOX has some mail of a random user's and ours."""
    both = Pair(case)
    user = case.random_user(both.source)
    user._lmtp()
    user.ops(case.args.ops)
    imap = both.source.imap(USER)
    for _ in range(3):
        imap.append(b'INBOX', mail_of(case, b'pb-spoilt'))
    imap.close()
    both.join()
    both.equal()
    return both, user


def _bodies(dovecot):
    """{base: path} of INBOX's mail, in the order of names."""
    found = {}
    for sub in ('cur', 'new'):
        top = os.path.join(dovecot.maildir(USER), sub)
        for name in sorted(os.listdir(top)):
            if not name.startswith('.'):
                found[name.split(':2,')[0]] = os.path.join(top, name)
    return found


def _lone(dovecot):
    """The last mail of INBOX whose body no other mail here has: one that only
    the peer can mend."""
    count = {}
    for where, _, names in os.walk(dovecot.maildir(USER)):
        if os.path.basename(where) in ('cur', 'new'):
            for name in names:
                body = _read(os.path.join(where, name))
                count[body] = count.get(body, 0) + 1
    lone = [(base, path) for base, path in _bodies(dovecot).items()
            if count[_read(path)] == 1]
    if not lone:
        raise CaseError('every mail has a twin')
    return lone[-1]


def _spoil(path, how):
    """As a disk does it: no date tells."""
    was = os.stat(path)
    how(path)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def _flip(path):
    with open(path, 'r+b') as file:
        file.seek(-3, os.SEEK_END)
        byte = file.read(1)
        file.seek(-3, os.SEEK_END)
        file.write(bytes([byte[0] ^ 4]))


def _read(path):
    with open(path, 'rb') as file:
        return file.read()


def _gaps(site, *kinds):
    gaps = json.loads(site.run('gap', 'list', '--json',
                               ok=(3,) if kinds else (0,)))
    if [gap['kind'] for gap in gaps] != list(kinds):
        raise CaseError('%s: gaps are %s, not %s' % (site.name, gaps, kinds))
    status = site.run('status', ok=(3,) if kinds else (0,))
    if kinds and 'needs an operator: account' not in status:
        raise CaseError('%s: status does not tell: %s' % (site.name, status))
    return gaps


def _logged(site):
    """Changes in all logs of a site."""
    files = [os.path.join(where, name) for where, _, names in
             os.walk(os.path.join(site.state, 'log')) for name in names
             if name.endswith('.changes')]
    return [line for line in site.run('log', *sorted(files)).splitlines()
            if re.match(r'  \d+ \S+ (?!statement)', line)] if files else []


def _mended(case, both, dovecot, site, other, spoil, *options):
    """One mail is spoilt, with a client in its folder; the peer has it."""
    before = compare.take(dovecot, USER)
    client = case.session(dovecot.imap(USER))
    client.select(b'INBOX')         # new mail has its place in cur/ now
    site.run('write')
    log = _logged(site)
    base, path = _lone(dovecot)
    whole = _read(path)
    _spoil(path, spoil)
    site.run('scan', *options, ok=(3,))
    [gap] = _gaps(site, 'damaged')
    if [mail['base'] for mail in gap['mails']] != [base]:
        raise CaseError('found %s, not %s' % (gap['mails'], base))
    if _logged(site) != log:
        raise CaseError('damage was logged')
    site.run('sync', ok=(3,))
    if _read(_bodies(other)[base]) != whole:
        raise CaseError('damage was replicated')
    peer = both.to_site if site is both.from_site else both.from_site
    peer.run('sync')
    site.run('sync')
    if _read(_bodies(dovecot)[base]) != whole:
        raise CaseError('%s is not whole again' % base)
    _gaps(site)
    client.ok(b'NOOP')
    demand(differences(before, compare.take(dovecot, USER)),
           'not as it was before')
    if _logged(site) != log:
        raise CaseError('the repair was logged')
    site.run('scan', '--deep')
    client.close()


def _flipped(case):
    """A byte that only reading finds."""
    both, user = _mailed(case)
    for dovecot, site, other in (
            (both.target, both.to_site, both.source),
            (both.source, both.from_site, both.target)):
        _mended(case, both, dovecot, site, other, _flip, '--deep')
        user.ops(case.args.ops)
        both.equal()
    _vanished(both, user)
    both.clean()
    both.check()


def _vanished(both, user):
    """At home: a mail that is known to be damaged goes by itself, another is
    expunged, a third gets a flag from somebody who is no server; all at the
    same time, and users go on."""
    imap = both.source.imap(USER)
    for _ in range(2):
        imap.append(b'INBOX', mail_of(both.case, b'pb-goes'))
    both.equal()
    imap.select(b'INBOX')           # new mail has its place in cur/ now
    damaged, path = _lone(both.source)
    whole = _read(path)
    expunged, marked = [uid for uid in imap.uids()
                        if _base_of(both.source, uid) != damaged][-2:]
    _spoil(path, _flip)
    both.from_site.run('scan', '--deep', ok=(3,))
    os.unlink(path)
    gone, base = (_base_of(both.source, uid) for uid in (expunged, marked))
    imap.ok(b'UID', b'STORE', b'%d' % expunged, b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'UID', b'EXPUNGE', b'%d' % expunged)
    path = _bodies(both.source)[base]
    name, _, letters = path.partition(':2,')
    os.rename(path, name + ':2,' + ''.join(sorted({*letters, 'R'})))
    imap.append(b'INBOX', mail_of(both.case, b'pb-comes'))
    imap.close()
    both.from_site.run('scan', ok=(3,))
    _gaps(both.from_site, 'damaged')
    both.from_site.run('sync', ok=(3,))
    both.to_site.run('sync')
    both.from_site.run('sync')
    _gaps(both.from_site)
    both.equal()
    for dovecot in (both.source, both.target):
        bodies = _bodies(dovecot)
        if gone in bodies or _read(bodies[damaged]) != whole or \
                'R' not in bodies[base].partition(':2,')[2]:
            raise CaseError('%s: %s' % (dovecot.name, sorted(bodies)))
    user.ops(both.case.args.ops)
    both.equal()


def _truncated(case):
    """What a power cut leaves of a mail that was not synced: an empty file.
    Nobody opens it before it is mended: a server would complain, rightly."""
    both, user = _mailed(case)
    for dovecot, site, other, size in (
            (both.target, both.to_site, both.source, 0),
            (both.source, both.from_site, both.target, 40)):
        _mended(case, both, dovecot, site, other,
                lambda path, size=size: os.truncate(path, size))
        user.ops(case.args.ops)
        both.equal()
    both.clean()
    both.check()


def _base_of(dovecot, uid):
    """The base name of a mail in INBOX, by its line in the UID list."""
    with open(os.path.join(dovecot.maildir(USER), 'dovecot-uidlist')) as file:
        lines = file.read().splitlines()[1:]
    [line] = [line for line in lines if line.split(' ', 1)[0] == str(uid)]
    return line.split(' :', 1)[1]


def _differs(case):
    """A register of one state rots, at either: the other's word tells it, and
    the two compare the folder until they are equal; users notice nothing."""
    both, _ = _mailed(case)
    imap = both.source.imap(USER)
    imap.select(b'INBOX')
    for site in (both.to_site, both.from_site):
        uid = max(imap.uids())
        base = _base_of(both.source, uid)
        # Only what is touched is summed up anew: this mail, and no other.
        site.sql(USER, "UPDATE message SET mtime = mtime + 60"
                       " WHERE base = '%s'" % base)
        imap.ok(b'UID', b'STORE', b'%d' % uid, b'+FLAGS', b'(\\Flagged)')
        both.write()
        both.from_site.run('ship')
        both.to_site.run('sync', ok=(3,))
        found = json.loads(both.to_site.run('gap', 'list', '--json', ok=(3,)))
        told = [gap for gap in found if gap['peer']]
        if len(told) != 1 or told[0]['kind'] != 'differs' or \
                told[0]['folder'] != 'INBOX' or \
                told[0]['peer'] != both.from_site.name:
            raise CaseError('not of INBOX and the source: %s' % found)
        both.to_site.run('gap', 'accept', USER, 'Nowhere', ok=(2,))
        for _ in range(3):
            both.from_site.run('sync', ok=(0, 3))
            both.to_site.run('sync', ok=(0, 3))
        for each in (both.to_site, both.from_site):
            _gaps(each)
            each.run('sync')
        both.equal()
        imap.ok(b'UID', b'STORE', b'%d' % uid, b'-FLAGS', b'(\\Flagged)')
        both.equal()
    imap.close()
    both.clean()
    both.check()


def _lost_log(case):
    """A segment is damaged before the peer has it: a gap that names the peer,
    until it has all of it; nobody needs to accept anything."""
    both, _ = _mailed(case)
    imap = both.source.imap(USER)
    imap.select(b'INBOX')
    imap.ok(b'UID', b'STORE', b'%d' % max(imap.uids()), b'+FLAGS',
            b'(\\Answered)')
    both.write()
    top = os.path.join(both.from_site.state, 'log', USER,
                       '494e424f58' + '0' * 22)
    path = os.path.join(top, sorted(os.listdir(top))[-1])
    _flip(path)
    both.from_site.run('ship', ok=(3,))
    both.from_site.run('write', ok=(3,))
    [gap] = _gaps(both.from_site, 'lost')
    if gap['folder'] != 'INBOX' or gap['lacking'] != [both.to_site.name]:
        raise CaseError('not said what is lost and who lacks it: %s' % gap)
    both.from_site.run('gap', 'accept', USER, 'Nowhere', ok=(2,))
    for _ in range(3):
        both.from_site.run('sync', ok=(0, 3))
        both.to_site.run('sync', ok=(0, 3))
    both.from_site.run('sync', ok=(0, 3))
    imap.close()
    for site in (both.from_site, both.to_site):
        _gaps(site)
        site.run('sync')
    demand(differences(compare.take(both.source, USER),
                       compare.take(both.target, USER)),
           'no gap any more, and the two differ')


CASES = {case.__name__: case for case in (damaged,)}
