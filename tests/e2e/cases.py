"""The end-to-end cases.  Each takes a Case (run.py) and raises on failure."""

import glob
import os
import poplib
import re
import time

import compare
from compare import Watcher, differences, report
from dovecot import Dovecot, free_port
from packetboat import Site, account_of, carry, pair
from plainuser import PlainUser, plain_differences
from randommail import random_mail
from randomuser import RandomUser
from reader import Reader

USER = 'alice'
LOG_SECONDS = 1.5       # --follow is durable within a second; some air
PATIENCE = 20           # seconds until a slow machine is a failure

# An INBOX that a client has open at this moment takes the other site's
# UIDVALIDITY: Dovecot tells that client BYE and logs it, whatever we do.
UIDVALIDITY_TAKEN = (
    r'Warning: Maildir .*: UIDVALIDITY changed ',
    r'Error: Mailbox INBOX: .*dovecot\.index reset, view is now inconsistent',
)


class CaseError(Exception):
    pass


def demand(lines, what):
    if lines:
        raise CaseError('%s (%d):\n%s' % (what, len(lines), report(lines)))


def maildir(dovecot, user):
    """An empty Maildir with its owner, as an admin makes it."""
    path = dovecot.maildir(user)
    for where in (dovecot.home(user), path):
        os.makedirs(where, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(where, *dovecot.owner(user))
    for sub in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(path, sub), exist_ok=True)
        if os.geteuid() == 0:
            os.chown(os.path.join(path, sub), *dovecot.owner(user))


class Pair:
    """Two Dovecots, two sites, one directory between them."""

    def __init__(self, case, users=(USER,), source=None, target=None,
                 pattern=False, as_user=False):
        self.case = case
        self.source = case.dovecot('source', **(source or {}))
        self.target = case.dovecot('target', **(target or {}))
        for user in users:
            maildir(self.target, user)
        self.from_site, self.to_site = (
            Site(case.directory, dovecot.name,
                 {} if pattern else {user: account_of(dovecot, user)
                                     for user in users},
                 pattern=dovecot.maildir('%u') if pattern else None,
                 user=(dovecot.uid, dovecot.gid) if as_user else None)
            for dovecot in (self.source, self.target))
        case.sites += [self.from_site, self.to_site]
        self.watchers = {user: Watcher() for user in users}

    def join(self, **more):
        """Makes the two sites peers; the source's Maildirs are there."""
        pair(self.from_site, self.to_site,
             os.path.join(self.case.directory, 'carrier'), **more)

    def carry(self):
        carry(self.from_site, self.to_site)

    def write(self):
        self.from_site.run('write', '--once')

    def equal(self, user=USER, follow=False):
        """Carries until both sites show the same, for a while."""
        end = time.monotonic() + PATIENCE
        attempts = 0
        while True:
            # Looking gives mail in new/ its UID: before the last trip.
            before = compare.take(self.source, user)
            if follow:
                time.sleep(LOG_SECONDS)
                self.from_site.following()
            else:
                self.write()
            self.carry()
            attempts += 1
            shown = compare.take(self.target, user)
            self.watchers[user].look(shown)
            lines = differences(before, shown)
            if not lines:
                break
            if time.monotonic() > end:
                demand(lines, 'source and target differ after %d trips'
                       % attempts)
        if attempts > 1:
            self.case.say('equal only after %d trips' % attempts)
        return before

    def clean(self, allow_target=()):
        """Both Dovecots' logs, and what the watchers saw."""
        demand(self.source.complaints((Dovecot.MOVED_BACK,)) +
               self.target.complaints(allow_target),
               'Dovecot complains')
        for watcher in self.watchers.values():
            demand(watcher.complaints, 'a UID changed its meaning')

    def no_echo(self):
        """What the applier placed is nobody's change at the target."""
        logs = glob.glob(os.path.join(
            self.to_site.state, 'log', '*', '*', '*.changes'))
        if not logs:
            return
        text = self.to_site.run('log', *logs)
        echoes = [line.strip() for line in text.splitlines()
                  if re.match(r'  \d+ \S+ (?!folder |statement )\w', line)
                  # A server that counts a mail notes its sizes.
                  and not re.search(r' extra "[SW]\d+( [SW]\d+)?"$', line)]
        demand(echoes, 'the target logged what it was sent')

    def check(self):
        for site in (self.from_site, self.to_site):
            site.run('check')


def equality(case):
    """Rounds of a random user, --follow at the source, a reader at the
    target; equal after each round."""
    both = Pair(case)
    user = case.random_user(both.source)
    # An INBOX that never held mail is nobody's yet: the target's would take
    # another UIDVALIDITY later, with readers in it (that is inbox_both).
    user._lmtp()
    user.ops(20)
    both.join()
    both.write()
    both.carry()
    readers = [case.reader(Reader(both.target, USER, case.args.seed, stay))
               for stay in (None, b'INBOX')]
    both.from_site.follow()
    for number in range(case.args.rounds):
        user.ops(case.args.ops)
        picture = both.equal(follow=True)
        both.clean()
        for reader in readers:
            demand(reader.complaints + reader.watcher.complaints,
                   'a reader at the target complains')
        case.say('round %d: %d folders, %d messages equal' % (
            number + 1, len(picture.folders),
            sum(len(f.messages) for f in picture.folders.values())))
    both.from_site.stop()
    for reader in readers:
        demand(reader.stop(), 'a reader at the target complains')
        if reader.visits == 0:
            raise CaseError('a reader never read anything')
    both.no_echo()
    both.check()


def _tree(top):
    """Every mail under a Maildir with its inode."""
    found = {}
    for where, _, files in os.walk(top):
        if os.path.basename(where) in ('cur', 'new'):
            for name in files:
                path = os.path.join(where, name)
                found[path] = os.stat(path).st_ino
    return found


def first_import(case):
    """A store that was there before; a second trip changes nothing."""
    both = Pair(case)
    user = case.random_user(both.source)
    user.ops(case.args.ops * case.args.rounds)
    both.join()
    both.equal()
    both.clean()
    before = _tree(both.target.maildir(USER))
    both.write()
    both.carry()
    after = _tree(both.target.maildir(USER))
    demand(['%s: %s, then %s' % (path, before.get(path), after.get(path))
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)],
           'a trip with nothing new touched mails')
    both.equal()
    both.clean()
    both.no_echo()
    both.check()


def layouts(case):
    """Every layout into every other one."""
    ways = (
        ({}, {'layout': 'fs'}),
        ({}, {'control': True, 'index': True}),
        ({'control': True, 'index': True},
         {'layout': 'fs', 'control': True, 'index': True}),
        ({'layout': 'fs'}, {}),
        ({'layout': 'fs'}, {'layout': 'fs', 'control': True}),
        ({'inbox': True}, {'layout': 'fs', 'inbox': True, 'index': True}),
    )
    for source, target in ways:
        both = Pair(case.inner(), source=source, target=target)
        # A dot is part of a name only where both separators are another.
        dots = both.source.separator == both.target.separator == '/'
        user = case.random_user(both.source, dots=dots)
        user.ops(case.args.ops)
        both.join()
        for _ in range(case.args.rounds):
            both.equal()
            both.clean()
            user.ops(case.args.ops)
        both.equal()
        both.clean()
        both.no_echo()
        both.check()
        case.say('%s to %s: equal' % (source or 'default',
                                      target or 'default'))
        case.close()


def owners(case):
    """Accounts by pattern, each with an owner of its own."""
    users = ('5001', '5002')
    both = Pair(case, users, {'owners': users}, {'owners': users},
                pattern=True)
    random_users = [RandomUser(both.source, user, case.args.seed)
                    for user in users]
    case.users += random_users
    for number in range(case.args.rounds):
        for user in random_users:
            user.ops(case.args.ops)
        if number == 0:
            both.join()
        for user in users:
            both.equal(user)
            demand(list(_not_owned(both.target.home(user), int(user))),
                   'not the owner\'s')
        both.clean()
    both.check()


def _not_owned(top, uid):
    for where, folders, files in os.walk(top):
        for name in folders + files:
            status = os.lstat(os.path.join(where, name))
            if (status.st_uid, status.st_gid) != (uid, uid):
                yield '%s: %d:%d' % (os.path.join(where, name),
                                     status.st_uid, status.st_gid)


def unprivileged(case):
    """One's own mail, all of it without root: servers and Packetboat."""
    alone = {'unprivileged': True}
    both = Pair(case, source=alone, target=alone, as_user=os.geteuid() == 0)
    user = case.random_user(both.source)
    for number in range(case.args.rounds):
        user.ops(case.args.ops)
        if number == 0:
            both.join()
        both.equal()
        both.clean()
    both.check()


# Order is not that of UIDs: what has none comes last.
UIDLIST_KEYS = ('Pold-uidl-1 O2', 'Pold-uidl-2 O1 Xkept', 'Gby-hand')
POP3 = """
protocols = imap lmtp pop3
service pop3-login {
  inet_listener pop3 {
    port = %d
  }
  inet_listener pop3s {
    port = 0
  }
}
"""


def _pop3(port):
    """[(UIDL, mail)] in the order in which a POP3 client is shown them."""
    pop3 = poplib.POP3('127.0.0.1', port, timeout=20)
    try:
        pop3.user(USER)
        pop3.pass_('pw')
        return [(line.split()[1], b'\n'.join(pop3.retr(number + 1)[1]))
                for number, line in enumerate(pop3.uidl()[1])]
    finally:
        pop3.quit()


def uidlist_keys(case):
    """POP3 UIDL and order, message GUIDs, unknown keys of the uidlist; and
    what a POP3 client sees."""
    ports = [free_port(), free_port()]
    both = Pair(case, source={'extra': POP3 % ports[0]},
                target={'extra': POP3 % ports[1]})
    imap = both.source.imap(USER)
    for number in range(len(UIDLIST_KEYS)):
        imap.append(b'INBOX', mail_of(case, b'pb-key-%d' % number))
    imap.select(b'INBOX')
    imap.close()
    path = os.path.join(both.source.control_dir(USER), 'dovecot-uidlist')
    with open(path) as file:
        lines = file.read().splitlines()
    lines[0] += ' P%v-%u Zunknown'
    lines[1:] = ['%s %s %s' % (line.split(' ')[0], keys, line.split(' ')[1])
                 for line, keys in zip(lines[1:], UIDLIST_KEYS)]
    _replace_file(path, '\n'.join(lines) + '\n')
    both.join()
    both.equal()
    demand(_uidlist_differences(path, os.path.join(
        both.target.control_dir(USER), 'dovecot-uidlist')),
        'the uidlists differ')
    shown = [_pop3(port) for port in ports]
    if shown[0] != shown[1]:
        raise CaseError('POP3 shows %r, then %r' % tuple(shown))
    uidls = [uidl for uidl, _ in shown[1]]
    if uidls[:2] != [b'old-uidl-2', b'old-uidl-1'] or len(uidls) != 3:
        raise CaseError('POP3 shows %r' % uidls)
    both.clean()


def _replace_file(path, text):
    status = os.stat(path)
    with open(path + '.new', 'w') as file:
        file.write(text)
    os.chown(path + '.new', status.st_uid, status.st_gid)
    os.rename(path + '.new', path)


def _uidlist_differences(source, target):
    """Header keys but N, and the records, as sets of words."""
    words = []
    for path in (source, target):
        with open(path) as file:
            lines = file.read().splitlines()
        words.append({frozenset(w for w in lines[0].split(' ')
                                if w[0] != 'N')} |
                     {frozenset(line.split(' ')) for line in lines[1:]})
    return sorted('only at one: ' + ' '.join(sorted(line))
                  for line in words[0] ^ words[1])


def plain(case):
    """No Dovecot at the source: a Maildir as other programs leave it."""
    target = case.dovecot('target')
    maildir(target, USER)
    root = os.path.join(case.directory, 'plain')
    user = PlainUser(root, case.args.seed, target.uid, target.gid)
    sites = [Site(case.directory, 'source', {USER: {'maildir': root}}),
             Site(case.directory, 'target', {USER: account_of(target, USER)})]
    case.sites += sites
    user.ops(case.args.ops)
    pair(*sites, os.path.join(case.directory, 'carrier'))
    watcher = Watcher()
    for number in range(case.args.rounds + 1):
        # Names and dates in seconds: a plain Maildir has no other clock.
        sites[0].run('write', '--once')
        carry(*sites)
        shown = compare.take(target, USER)
        watcher.look(shown)
        demand(plain_differences(user.expected(), shown),
               'round %d: source and target differ' % number)
        demand(target.complaints(), 'Dovecot complains')
        demand(watcher.complaints, 'a UID changed its meaning')
        user.ops(case.args.ops)
    for site in sites:
        site.run('check')


# Both sites have clients.

def mail_of(case, token):
    return random_mail(case.rng, token).replace(b'\r\n', b'\n').replace(
        b'\n', b'\r\n')


def _by_guid(picture):
    """{(folder parts, message GUID): messages}; copies share a GUID."""
    found = {}
    for parts, folder in picture.folders.items():
        for message in folder.messages.values():
            found.setdefault((parts, message.guid), []).append(message)
    return found


def arrived(source, target):
    """What the source shows and the target does not, UIDs apart."""
    there = _by_guid(target)
    for key, messages in sorted(_by_guid(source).items()):
        left = list(there.get(key, ()))
        for message in messages:
            if message in left:
                left.remove(message)
                continue
            where = '%s %s' % (compare.show(key[0]), key[1].decode())
            if not left:
                yield where + ': did not arrive'
            else:
                yield from compare.message_differences(where, message,
                                                       left[0])


def without(picture, *names):
    """The picture without some folders."""
    return compare.Picture({parts: folder
                            for parts, folder in picture.folders.items()
                            if parts not in names},
                           picture.subscriptions - set(names))


BASE = (b'Base',)       # shared, and no random user goes there
LOCAL = (b'Local',)     # of the target alone


class LocalUser:
    """The changes that the target's own client makes, and what has to be
    left of them at the end."""

    def __init__(self, case, dovecot, picture):
        imap = dovecot.imap(USER)
        messages = picture.folders[BASE].messages
        uids = sorted(messages)
        self.flagged, self.expunged = messages[uids[0]], messages[uids[1]]
        imap.select(b'Base')
        imap.ok(b'UID', b'STORE', b'%d' % uids[0], b'+FLAGS',
                b'(\\Flagged local-keyword)')
        imap.ok(b'UID', b'STORE', b'%d' % uids[1], b'+FLAGS', b'(\\Deleted)')
        imap.ok(b'UID', b'EXPUNGE', b'%d' % uids[1])
        self.mail = mail_of(case, b'pb-local-1')
        self.other = mail_of(case, b'pb-local-2')
        imap.append(b'Base', self.mail)
        imap.ok(b'CREATE', b'Local')
        imap.append(b'Local', self.other)
        imap.ok(b'SUBSCRIBE', b'Local')
        imap.close()

    def left(self, picture):
        """What of the local changes is missing."""
        base = picture.folders[BASE].messages.values()
        flagged = [m for m in base if m.guid == self.flagged.guid]
        local = picture.folders.get(LOCAL)
        if not flagged:
            yield 'the flagged message is gone'
        elif not {b'\\flagged', b'\\answered'} <= flagged[0].flags:
            yield 'flags of both sites are not together'
        elif b'local-keyword' not in flagged[0].keywords:
            yield 'the keyword is gone'
        if any(m.guid == self.expunged.guid for m in base):
            yield 'the expunged message is back'
        if compare.digest(self.mail) not in {m.digest for m in base}:
            yield 'the local mail is gone'
        if local is None:
            yield 'the local folder is gone'
        elif [m.digest for m in local.messages.values()] != [
                compare.digest(self.other)]:
            yield 'the mail in the local folder is gone'
        if LOCAL not in picture.subscriptions:
            yield 'the local subscription is gone'


def local_changes(case):
    """What a client changes at the target stays, and is stated; the source
    is not affected."""
    both = Pair(case)
    user = RandomUser(both.source, USER, case.args.seed, folders=False,
                      avoid=(b'Base',))
    case.users.append(user)
    user.ops(case.args.ops)
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Base')
    for number in range(4):
        imap.append(b'Base', mail_of(case, b'pb-base-%d' % number))
    imap.close()
    # A folder that is born at a peer that may send would come home.
    both.join(to_source={'changes': 'receive'})
    local = LocalUser(case, both.target, both.equal())
    both.to_site.run('write', '--once')
    _answer_all(both.source)
    for _ in range(case.args.rounds):
        user.ops(case.args.ops)
        before = compare.take(both.source, USER)
        both.write()
        both.carry()
        demand(differences(before, compare.take(both.source, USER)),
               'the source is affected')
        shown = compare.take(both.target, USER)
        both.watchers[USER].look(shown)
        demand(list(local.left(shown)), 'a local change is lost')
        demand(differences(without(before, BASE),
                           without(shown, BASE, LOCAL)),
               'source and target differ')
        both.clean()
    if 'local changes' not in both.to_site.run('status', ok=(0, 3)):
        raise CaseError('status does not state the local changes')
    both.check()


def _answer_all(source):
    """A flag of the same messages, set at the source."""
    imap = source.imap(USER)
    imap.select(b'Base')
    imap.ok(b'STORE', b'1:*', b'+FLAGS', b'(\\Answered)')
    imap.close()


def inbox_both(case):
    """INBOX was opened by clients at both sites from the start.

    closed: opened once, no session now.  open: a session sits in IDLE at
    the target.  mail: both INBOXes held mail of their own before."""
    users = ('closed', 'open', 'mail')
    both = Pair(case, users=users)
    for user in users:
        imap = both.source.imap(user)
        imap.select(b'INBOX')
        imap.close()
        time.sleep(1.1)     # UIDVALIDITY comes from the clock, in seconds
        imap = both.target.imap(user)
        imap.select(b'INBOX')
        if user == 'mail':
            imap.append(b'INBOX', mail_of(case, b'pb-target-own'))
        imap.close()
    own = compare.take(both.target, 'mail')
    random_users = [RandomUser(both.source, user, case.args.seed)
                    for user in users]
    case.users += random_users
    for user in random_users:
        user.ops(case.args.ops)
    idler = case.session(both.target.imap('open'))
    idler.select(b'INBOX')
    idler.idle()
    both.join()
    both.equal('closed')
    demand([line for line in both.target.complaints()
            if '(closed)' in line], 'Dovecot complains')
    for _ in range(case.args.rounds):
        both.equal('closed')
        both.equal('open')
        _both_held_mail(both, own)
        both.clean(UIDVALIDITY_TAKEN)
        for user in random_users:
            user.ops(case.args.ops)
    _taken_once(both.target)
    both.check()


def _taken_once(target):
    """One Warning in the life of an account, one Error for each session
    that had INBOX open, none of either where nobody had."""
    for user, errors in (('closed', 0), ('open', 1), ('mail', 0)):
        lines = [line.strip() for line in target.log_lines()
                 if '(%s)' % user in line]
        for pattern, most in zip(UIDVALIDITY_TAKEN, (
                user != 'closed', errors)):
            found = [line for line in lines if re.search(pattern, line)]
            if len(found) > most:
                demand(found, 'INBOX of %s changed more than once' % user)


def _both_held_mail(both, own):
    compare.take(both.source, 'mail')   # gives mail in new/ its UID
    both.write()
    before = compare.take(both.source, 'mail')
    both.write()
    both.carry()
    shown = compare.take(both.target, 'mail')
    both.watchers['mail'].look(shown)
    demand(list(arrived(before, shown)), 'not everything arrived')
    demand(list(arrived(own, shown)), "the target's own mail is lost")


CASES = {case.__name__: case for case in (
    equality, first_import, layouts, owners, unprivileged, uidlist_keys, plain,
    local_changes, inbox_both)}
