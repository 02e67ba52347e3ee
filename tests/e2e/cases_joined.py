"""Peers that come, beside an empty Maildir or one that was seeded, and peers and
accounts that go; a user is at work at the source all the time."""

import os
import re
import shutil
import subprocess

import compare
from cases import USER, CaseError, Pair, demand, maildir
from cases_media import bundles
from compare import differences
from packetboat import Site, account_of, medium
from randomuser import RandomUser
from shared import gaps, says

HEAD_BYTES = 8000       # of a bundle, its parcels and what is no message
MESSAGE_BYTES = 150     # of what is known of one, without its body


def joined(case):
    both = Pair(case)
    user = RandomUser(both.source, USER, case.args.seed)
    case.users.append(user)
    user.deliver()
    user.ops(2 * case.args.ops)
    both.join()
    _away(both)
    both.equal()            # beside an empty Maildir
    user.close()
    old = os.path.join(case.directory, 'old')
    _copy(both.source.maildir(USER), old)
    for part in (_seeded_now, _seeded_long_ago, _dropped):
        case.say(part.__name__)
        user.ops(2 * case.args.ops)
        part(both, user, old)
        both.clean()
        for site in (both.from_site, both.to_site):
            demand(gaps(site), 'not settled')
    both.check()


def _away(both):
    """A peer that is told of every expunge and says nothing: what nobody needs
    to hear of any more a copy of long ago would bring back."""
    site = Site(both.case.directory, 'away', {})
    path = os.path.join(both.case.directory, 'far')
    medium(path, both.from_site)
    both.from_site.add_peer('away', key=site.init(), via='dir:' + path)


def _copy(path, to):
    subprocess.run(['cp', '-a', path, to], check=True)


def _bytes(both):
    return sum(os.path.getsize(path) for path in bundles(
        os.path.join(both.case.directory, 'carrier')))


def _another_target(both, name):
    """The peer is gone for good; another machine takes its place."""
    gone = both.to_site.name
    both.from_site.run('peer', 'expel', gone)
    says(both.from_site, ('status',), 'peer %s, ' % gone, ': expelled on ')
    del both.from_site.peers[gone]
    shutil.rmtree(both.target.maildir(USER))
    maildir(both.target, USER)
    shutil.rmtree(both.to_site.root)
    both.to_site = Site(both.case.directory, name,
                        {USER: account_of(both.target, USER)})
    both.case.sites.append(both.to_site)
    via = 'dir:' + os.path.join(both.case.directory, 'carrier')
    both.from_site.add_peer(name, key=both.to_site.init(), via=via)
    key = both.from_site.run('key').strip().split('\n')[-1]
    both.to_site.add_peer('source', key=key, via=via)
    for path in bundles(via[4:]):
        os.unlink(path)


def _joins(both, user, seed, new):
    """Beside a copy of the mail, however old: only new mail travels, and what
    is known of the other."""
    shutil.rmtree(both.target.maildir(USER))
    _copy(seed, both.target.maildir(USER))
    both.watchers[USER] = compare.Watcher()     # another machine
    both.to_site.run('sync')
    here = compare.take(both.source, USER)
    log, sent = os.path.getsize(both.from_site.log), 0
    for _ in range(2):
        both.from_site.run('sync')
        sent += _bytes(both)
        both.to_site.run('sync')
    both.from_site.run('sync')
    demand(differences(here, compare.take(both.target, USER)),
           'source and target differ')
    count = sum(len(folder.messages) for folder in here.folders.values())
    most = HEAD_BYTES + MESSAGE_BYTES * count + sum(new)
    bodies = sum(map(int, re.findall(r' (\d+) bod(?:y|ies) \(',
                                     both.from_site.log_since(log))))
    both.case.say('%d bodies, %d bytes travelled' % (bodies, sent))
    if bodies > len(new) or sent > most:
        raise CaseError('not at most %d, %d' % (len(new), most))
    user.ops(both.case.args.ops)
    both.equal()


def _seeded_now(both, user, _):
    """By rsync: no body travels."""
    both.equal()
    _another_target(both, 'second')
    user.close()
    both.write()
    _joins(both, user, both.source.maildir(USER), [])


def _seeded_long_ago(both, user, old):
    """From a backup: what came since travels."""
    user.ops(both.case.args.ops)
    both.equal()
    _another_target(both, 'third')
    known = {name for name, _ in _files(old)}
    compare.take(both.source, USER)
    both.write()
    _joins(both, user, old, [
        size for name, size in _files(both.source.maildir(USER))
        if name not in known])


def _files(top):
    """(base name, size) of every mail below."""
    for where, _, names in os.walk(top):
        if os.path.basename(where) in ('cur', 'new') and \
                '.packetboat' not in where:
            for name in names:
                yield name.split(':2,')[0], os.path.getsize(
                    os.path.join(where, name))


def _dropped(both, user, _):
    """The account goes at the target, its mail stays; then it comes back."""
    both.equal()
    before = compare.take(both.target, USER)
    accounts, both.to_site.accounts = both.to_site.accounts, {}
    both.to_site.add_peer('source', **both.to_site.peers['source'])
    both.to_site.run('account', 'drop', USER)
    user.ops(both.case.args.ops)
    compare.take(both.source, USER)
    both.from_site.run('sync')
    says(both.to_site, ('sync',), 'there is none of that name here', ok=(3,))
    demand(differences(before, compare.take(both.target, USER)),
           'mail of an account that was dropped changes')
    both.to_site.accounts = accounts
    both.to_site.add_peer('source', **both.to_site.peers['source'])
    both.to_site.run('sync', ok=(0, 3))
    both.equal()


CASES = {case.__name__: case for case in (joined,)}
