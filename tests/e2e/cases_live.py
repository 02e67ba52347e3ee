"""Cases with daemons all the way, and with users at both sites."""

import base64
import json
import os
import statistics
import threading
import time

import compare
from cases import PATIENCE, USER, CaseError, Pair, demand, mail_of, without
from compare import differences
from dovecot import Dovecot
from imapclient import ImapBye
from randomuser import RandomUser
from reader import Reader
from shared import unnumbered

DAEMONS = ('write', 'ship', 'apply')
LAG_SECONDS = 3         # what is promised is one; slow machines are slow
LAG_CHANGES = 20
INBOX = (b'INBOX',)
BIG_MAILS, BIG_BYTES = 12, 1 << 20   # more than one parcel holds


# Daemons at both sites.

def busy(case):
    """A random user at the source, readers at the target, daemons at both:
    equal when all is quiet, without a single command by hand."""
    both = Pair(case)
    user = case.random_user(both.source)
    user.ops(20)
    _several_parcels(case, both.source)
    both.join()
    both.from_site.follow(*DAEMONS)
    both.to_site.follow(*DAEMONS)
    settle(both)
    readers = [case.reader(Reader(both.target, USER, case.args.seed, stay))
               for stay in (None, b'INBOX')]
    for number in range(case.args.rounds):
        user.ops(case.args.ops)
        seconds = settle(both)
        both.clean()
        for reader in readers:
            demand(reader.complaints + reader.watcher.complaints,
                   'a reader at the target complains')
        case.say('round %d: equal after %.1f s of quiet' % (number + 1,
                                                            seconds))
    _lag(case, both)
    for reader in readers:
        demand(reader.stop(), 'a reader at the target complains')
        if reader.visits == 0:
            raise CaseError('a reader never read anything')
    both.from_site.stop()
    both.to_site.stop()
    both.check()


def _several_parcels(case, dovecot):
    """Mail for a bundle of many parcels: the applier may look meanwhile."""
    imap = dovecot.imap(USER)
    for number in range(BIG_MAILS):
        body = base64.encodebytes(case.rng.randbytes(BIG_BYTES))
        imap.append(b'INBOX', mail_of(case, b'pb-big-%d' % number) +
                    body.replace(b'\n', b'\r\n'))
    imap.close()


def _take_at_work(dovecot):
    """The picture of an account that changes meanwhile, or None."""
    try:
        return compare.take(dovecot, USER)
    except (KeyError, RuntimeError):
        return None     # a message, a folder went while it was looked at


def settle(both):
    """Waits until both sites show the same; returns the seconds."""
    start = time.monotonic()
    while True:
        before = compare.take(both.source, USER)
        shown = _take_at_work(both.target)
        if shown is None:
            continue
        both.watchers[USER].look(shown)
        both.from_site.following()
        both.to_site.following()
        lines = differences(before, shown)
        if not lines:
            return time.monotonic() - start
        if time.monotonic() - start > PATIENCE:
            demand(lines, 'source and target differ')
        time.sleep(0.3)


def _lag(case, both):
    """From the answer to a STORE, when the lock is dropped, until the log
    is written and the state names its new end."""
    imap = both.source.imap(USER)
    imap.append(b'INBOX', mail_of(case, b'pb-lag'))
    imap.select(b'INBOX')
    uid = b'%d' % imap.uids()[-1]
    settle(both)
    lags = []
    for number in range(LAG_CHANGES):
        size, _ = _durable(both.from_site)
        imap.ok(b'UID', b'STORE', uid, b'-FLAGS' if number % 2 else b'+FLAGS',
                b'(\\Flagged)')
        start = time.monotonic()
        while True:
            now, durable = _durable(both.from_site)
            if now > size and durable:
                break
            if time.monotonic() - start > PATIENCE:
                raise CaseError('a flag change was never logged')
            time.sleep(0.005)
        lags.append(time.monotonic() - start)
        time.sleep(case.rng.random() / 2)
    imap.close()
    case.say('lag of a flag change: median %.0f ms, most %.0f ms' % (
        1000 * statistics.median(lags), 1000 * max(lags)))
    if max(lags) > LAG_SECONDS:
        raise CaseError('a flag change took %.1f s to the log' % max(lags))


def _durable(site):
    """(bytes in the logs, the state was committed after the last)."""
    size, newest = 0, 0
    for where, _, files in os.walk(os.path.join(site.state, 'log')):
        for name in files:
            if name.endswith('.changes'):
                status = os.stat(os.path.join(where, name))
                size += status.st_size
                newest = max(newest, status.st_mtime_ns)
    state = os.path.join(site.state, 'accounts', USER, 'state.db')
    return size, os.stat(state).st_mtime_ns >= newest


# Users at both sites.

class Register:
    """What one site shows of the messages that can be told apart: those
    whose GUID is there once."""

    def __init__(self, picture):
        self.all = {}
        self.twice = set()
        for parts, folder in picture.folders.items():
            for uid, message in folder.messages.items():
                if message.guid in self.all:
                    self.twice.add(message.guid)
                self.all[message.guid] = (parts, uid, message)

    def flags(self, guid):
        message = self.all[guid][2]
        return message.flags | message.keywords

    def folder(self, guid):
        return self.all[guid][0]

    def uid(self, guid):
        return self.all[guid][1]


def _merged(first, second, there, value):
    """What the target shows of a register that its own user and the
    source's may have changed, first one, then the other."""
    for before, after in (second, first):
        if value(before) != value(after):
            return value(after)
    return value(there[1])


def _expected(first, second, there, gone):
    """{guid: (folder, flags)} at the target when two sites acted one after
    the other, each knowing nothing of the other: (before, after) Registers.
    gone: GUIDs that went from one of them earlier; copies may have them
    still.  A folder of None: no telling."""
    out = {}
    sides = (first, second)
    twice = set().union(*(r.twice for side in sides for r in side))
    guids = set().union(*(r.all for side in sides for r in side))
    for guid in guids - twice - gone:
        if any(guid in before.all and guid not in after.all
               for before, after in sides):
            out[guid] = None            # expunged at one of them
            continue
        known = [side for side in sides if guid in side[1].all]
        if len(known) == 1:
            after = known[0][1]
            out[guid] = after.folder(guid), after.flags(guid)
            continue
        if any(guid not in before.all for before, _ in sides):
            continue                    # came to both: nothing to compare
        words = set().union(*(r.flags(guid) for side in sides for r in side))
        out[guid] = (
            None if _moved_to_itself(sides, guid) else
            _merged(first, second, there, lambda r: r.folder(guid)),
            frozenset(word for word in words if _merged(
                first, second, there, lambda r: word in r.flags(guid))))
    return out


def _moved_to_itself(sides, guid):
    """Out and home again with its name, or inside its folder with a new
    one: the first is no change, the second is one."""
    return any(before.folder(guid) == after.folder(guid) and
               before.uid(guid) != after.uid(guid) for before, after in sides)


def _not_as(expected, shown):
    for guid, wanted in sorted(expected.items()):
        name = guid.decode()
        if wanted is None:
            if guid in shown.all:
                yield name + ': is back'
        elif guid not in shown.all:
            yield name + ': is gone'
        elif guid not in shown.twice:
            found = shown.folder(guid), shown.flags(guid)
            for a, b in zip(wanted, found):
                if a is not None and a != b:
                    yield '%s: %s, not %s' % (name, b, a)


class Side:
    """A user at one site, and what the site showed around their last act."""

    def __init__(self, case, dovecot, site, name):
        self.dovecot, self.site = dovecot, site
        # An MDA that knows nothing of Dovecot leaves names without sizes;
        # fields that come to such a name later are no user's change.
        self.user = RandomUser(dovecot, USER, '%d%s' % (case.args.seed, name),
                               folders=False, drops=False)
        case.users.append(self.user)
        self.before = self.after = None
        self.seen = set()       # every GUID that was ever here
        self.copied = set()     # that was ever here twice

    def look(self):
        register = Register(compare.take(self.dovecot, USER))
        self.seen.update(register.all)
        self.copied.update(register.twice)
        return register

    def gone(self):
        return self.copied | (self.seen - self.before.all.keys() -
                              self.after.all.keys())

    def act(self, ops):
        self.before = self.look()
        self.user.ops(ops)
        self.after = self.look()
        self.site.run('write', '--once')


def target_users(case):
    """Users at the target change what the applier places: nothing of theirs
    is lost, what was later wins, the source is not affected."""
    both = Pair(case)
    imap = both.source.imap(USER)
    for name in (b'Work', b'Trash', b'Old'):
        imap.ok(b'CREATE', name)
    imap.close()
    here = Side(case, both.source, both.from_site, 's')
    there = Side(case, both.target, both.to_site, 't')
    here.user.ops(case.args.ops)
    both.join()
    both.equal()
    for number in range(case.args.rounds):
        first, second = case.rng.sample((here, there), 2)
        first.act(case.args.ops)
        time.sleep(0.05)    # the clocks of files tick
        second.act(case.args.ops)
        expected = _expected((first.before, first.after),
                             (second.before, second.after),
                             (there.before, there.after),
                             first.gone() | second.gone())
        before = compare.take(both.source, USER)
        end = time.monotonic() + PATIENCE
        while True:
            both.carry()
            shown = compare.take(both.target, USER)
            both.watchers[USER].look(shown)
            lines = list(_not_as(expected, Register(shown)))
            if not lines or time.monotonic() > end:
                break
        demand(lines, 'round %d: not as the users left it (%s was later)'
               % (number, second.dovecot.name))
        # But for the numbers of what came behind the target's own mail.
        demand(differences(unnumbered(before), unnumbered(
            compare.take(both.source, USER))), 'the source is affected')
        both.clean((Dovecot.MOVED_BACK,))
    _stated(both, there.look().all.keys() - here.seen)
    _together(case, both)
    both.check()


def _stated(both, own):
    """The target's own mails are in its log, and in its status."""
    logs = [os.path.join(where, name) for where, _, files in
            os.walk(os.path.join(both.to_site.state, 'log'))
            for name in files if name.endswith('.changes')]
    text = both.to_site.run('log', *logs)
    demand(['%s is not in the log' % guid.decode() for guid in sorted(own)
            if guid not in text.encode()],
           'what users at the target did was not logged')
    status = json.loads(both.to_site.run('status', '--json', ok=(0, 3)))
    if status['accounts'][0]['local_changes'] < len(own):
        raise CaseError('status states too few local changes')


class Keeper(threading.Thread):
    """A client at the target that appends and marks its own mails while the
    applier works, and expects to find them."""

    def __init__(self, case, dovecot):
        super().__init__(daemon=True)
        self.case, self.dovecot = case, dovecot
        self.kept = {}          # digest: flags
        self.failed = None
        self.ending = threading.Event()

    def run(self):
        try:
            imap = None
            while not self.ending.is_set():
                if imap is None or imap.dead:
                    imap = self.dovecot.imap(USER)
                try:
                    self._once(imap)
                except ImapBye:
                    imap = None
            if imap is not None:
                imap.close()
        except Exception as error:  # noqa: BLE001: the case tells
            self.failed = error

    def _once(self, imap):
        mail = mail_of(self.case, b'pb-keeper-%d' % len(self.kept))
        imap.append(b'INBOX', mail)
        self.kept[compare.digest(mail)] = frozenset()
        imap.select(b'INBOX')
        answer = imap.ok(b'UID', b'SEARCH', b'HEADER', b'Message-ID',
                         b'pb-keeper-%d' % (len(self.kept) - 1))
        uids = [int(uid) for line in answer.untagged
                if line.kind == b'SEARCH' for uid in line.items[1:]]
        if len(uids) == 1:
            imap.ok(b'UID', b'STORE', b'%d' % uids[0], b'+FLAGS',
                    b'(\\Flagged)')
            self.kept[compare.digest(mail)] = frozenset((b'\\flagged',))

    def stop(self):
        self.ending.set()
        self.join()
        if self.failed is not None:
            raise self.failed


def _together(case, both):
    """Both users at the same time, daemons at both sites."""
    earlier = set(Register(compare.take(both.source, USER)).all)
    both.from_site.follow(*DAEMONS)
    both.to_site.follow(*DAEMONS)
    keeper = Keeper(case, both.target)
    case.readers.append(keeper)     # stopped whatever happens
    keeper.start()
    user = RandomUser(both.source, USER, '%du' % case.args.seed,
                      folders=False)
    case.users.append(user)
    user.ops(2 * case.args.ops)
    keeper.stop()
    case.readers.remove(keeper)
    end = time.monotonic() + PATIENCE
    while True:
        before = compare.take(both.source, USER)
        shown = _take_at_work(both.target)
        if shown is None:
            continue
        both.watchers[USER].look(shown)
        here, there = Register(before), Register(shown)
        lines = ['%s did not arrive' % guid.decode() for guid in
                 here.all.keys() - there.all.keys() - earlier]
        found = {m.digest: m.flags for f in shown.folders.values()
                 for m in f.messages.values()}
        lines += ['the mail %s is gone or lost its flag' % digest[:12]
                  for digest, flags in keeper.kept.items()
                  if found.get(digest) != flags]
        if not lines:
            break
        if time.monotonic() > end:
            demand(lines, 'after both users worked at once')
        time.sleep(0.3)
    case.say('%d mails kept beside the applier' % len(keeper.kept))
    both.clean((Dovecot.MOVED_BACK,))
    both.from_site.stop()
    both.to_site.stop()


# Small stories.

def stories(case):
    """What random users seldom do, one after the other."""
    both = Pair(case)
    both.join()
    for story in (_delivered_by_lda, _thrown_away, _subscribed_and_deleted,
                  _home_at_target, _restored_from_trash):
        case.say(story.__name__)
        story(case, both)
        both.clean()
    both.check()


def _delivered_by_lda(case, both):
    """By dovecot-lda: with the lock free, and into a folder."""
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Lists')
    for number, folder in enumerate(('INBOX', 'Lists', 'INBOX')):
        both.source.deliver_lda(USER, mail_of(case, b'pb-lda-%d' % number),
                                folder)
        picture = both.equal()
    if [len(picture.folders[name].messages)
            for name in (INBOX, (b'Lists',))] != [2, 1]:
        raise CaseError('not all was delivered')
    imap.select(b'INBOX')
    imap.ok(b'STORE', b'1:*', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()
    both.equal()


def _thrown_away(case, both):
    """A user of the target expunges a mail that its home copies later: the
    body is sent a second time."""
    imap = both.source.imap(USER)
    imap.append(b'INBOX', mail_of(case, b'pb-thrown'))
    both.equal()
    local = both.target.imap(USER)
    local.select(b'INBOX')
    local.ok(b'STORE', b'1', b'+FLAGS', b'(\\Deleted)')
    local.ok(b'EXPUNGE')
    local.close()
    both.to_site.run('sync')
    imap.ok(b'CREATE', b'Copies')
    imap.select(b'INBOX')
    imap.ok(b'COPY', b'1', b'Copies')
    before = compare.take(both.source, USER)
    both.write()
    both.carry()
    both.carry()    # the want, and the body
    demand(differences(without(before, INBOX),
                       without(compare.take(both.target, USER), INBOX)),
           'source and target differ')
    imap.ok(b'STORE', b'1', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()
    both.equal()


def _restored_from_trash(case, both):
    """What the target lost by an expunge, and with a folder, is there again
    with flags, keywords, dates and bytes; under new UIDs."""
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Lost.Deep')
    for number in range(3):
        imap.append(b'Lost.Deep', mail_of(case, b'pb-deep-%d' % number),
                    b'\\Seen kept-keyword', b'01-Feb-2001 10:00:00 +0000')
    imap.append(b'INBOX', mail_of(case, b'pb-restored'),
                b'\\Flagged own-word', b'02-Feb-2001 10:00:00 +0000')
    both.equal()
    before = compare.take(both.target, USER)
    imap.ok(b'DELETE', b'Lost.Deep')
    imap.select(b'INBOX')
    imap.ok(b'STORE', b'1:*', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()
    both.equal()
    both.to_site.run('trash', 'restore', '--since', '1d', '--folder',
                     'Lost/Deep', USER)
    [mail] = [mail for mail in json.loads(both.to_site.run(
        'trash', 'list', '--json', '--folder', 'INBOX', USER))
              if mail['keywords'] == 'own-word']
    both.to_site.run('trash', 'restore', USER, mail['id'][:10])
    after = compare.take(both.target, USER)

    def seen(picture, parts):
        return sorted((m.digest, sorted(m.flags - {'\\Deleted'}),
                       sorted(m.keywords), m.date) for m in
                      picture.folders[parts].messages.values())
    for parts in ((b'Lost', b'Deep'), INBOX):
        if seen(before, parts) != seen(after, parts):
            raise CaseError('restored otherwise: %r\n%r' % (
                seen(before, parts), seen(after, parts)))
    both.to_site.run('sync')
    local = both.target.imap(USER)
    local.ok(b'DELETE', b'Lost.Deep')
    local.select(b'INBOX')
    local.ok(b'STORE', b'1:*', b'+FLAGS', b'(\\Deleted)')
    local.ok(b'EXPUNGE')
    local.close()
    both.to_site.run('sync')


def _subscribed_and_deleted(case, both):
    """A subscription goes with its folder, or stays as a name."""
    imap = both.source.imap(USER)
    for name in (b'Gone', b'Name', b'Sub.Gone'):
        imap.ok(b'CREATE', name)
        imap.ok(b'SUBSCRIBE', name)
    both.equal()
    imap.ok(b'UNSUBSCRIBE', b'Gone')
    for name in (b'Gone', b'Name', b'Sub.Gone'):
        imap.ok(b'DELETE', name)
    imap.close()
    both.equal()
    both.equal()    # nobody took what is left for a user's wish


def _home_at_target(case, both):
    """A folder that is born at the target comes home to the source, whole,
    and so do its changes; other folders there are left alone."""
    own = (b'Own',), (b'Own', b'Sub')
    before = compare.take(both.source, USER)
    imap = both.target.imap(USER)
    imap.ok(b'CREATE', b'Own')
    imap.ok(b'CREATE', b'Own.Sub')
    imap.ok(b'SUBSCRIBE', b'Own')
    for number in range(5):
        imap.append(b'Own', mail_of(case, b'pb-own-%d' % number))
    imap.select(b'Own')
    imap.ok(b'COPY', b'2:3', b'Own.Sub')
    imap.ok(b'STORE', b'1', b'+FLAGS', b'(\\Flagged own-keyword)')
    _carry_home(both, own, before)
    imap.ok(b'STORE', b'4', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.ok(b'MOVE', b'2', b'Own.Sub')
    imap.ok(b'UNSUBSCRIBE', b'Own')
    imap.close()
    _carry_home(both, own, before)


def _carry_home(both, own, before):
    both.to_site.run('sync')
    both.from_site.run('sync')
    both.to_site.run('sync')
    here = compare.take(both.source, USER)
    demand(differences(compare.take(both.target, USER), here),
           'what was born there is not here')
    demand(differences(without(here, *own), without(before, *own)),
           'other folders are affected')


CASES = {case.__name__: case for case in (busy, target_users, stories)}
