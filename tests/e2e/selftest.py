"""Tests of the harness itself: they need Dovecot, but no Packetboat.

A comparer that never complains proves nothing.  So a user's home is copied
with cp -a, which must compare equal, and then one thing at a time is changed
on a copy, which must be named.
"""

import copy
import os
import re
import shutil
import subprocess

import compare
from randomuser import RandomUser


class SelfTestError(Exception):
    pass


def _expect(name, lines, pattern):
    """Something was found, and nothing but what was changed."""
    if not lines:
        raise SelfTestError('%s: not noticed' % name)
    for line in lines:
        if not re.search(pattern, line):
            raise SelfTestError('%s: unexpected: %s' % (name, line))


class Copies:
    """The source user's home, copied for one user of the target each."""

    def __init__(self, source, user, target):
        self.source = source
        self.user = user
        self.target = target
        self.count = 0

    def make(self):
        self.count += 1
        name = 'copy%d' % self.count
        subprocess.run(['cp', '-a', self.source.home(self.user),
                        self.target.home(name)], check=True)
        return name


FOLDER = b'Known'


def _known_folder(dovecot, user):
    """A folder of known contents: three mails, one of them expunged."""
    imap = dovecot.imap(user)
    imap.ok(b'CREATE', FOLDER)
    for number in range(3):
        imap.append(FOLDER, b'Subject: %d\r\n\r\ntoken pb-known-%d\r\n' % (
            number, number), flags=b'\\Seen kw1 todo')
    imap.select(FOLDER)
    imap.ok(b'STORE', b'2', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()


class Changes:
    """One method per thing that compare has to notice.  Each takes a user of
    the target (a copy) and returns the pattern of the differences."""

    def __init__(self, target):
        self.target = target

    def _imap(self, user):
        imap = self.target.imap(user)
        imap.select(FOLDER)
        return imap

    def where(self, user):
        return self.target.folder_dir(user, FOLDER.decode())

    def forget(self, user):
        """Lets Dovecot read the files anew; no session is open."""
        for entry in os.listdir(self.where(user)):
            if entry.startswith('dovecot.index'):
                os.unlink(os.path.join(self.where(user), entry))

    def _uidlist(self, user, change):
        path = os.path.join(self.where(user), 'dovecot-uidlist')
        with open(path) as file:
            lines = file.read().splitlines()
        change(lines)
        with open(path, 'w') as file:
            file.write('\n'.join(lines) + '\n')
        self.forget(user)

    def _live_line(self, user, lines):
        """Index of the last uidlist line whose file is there."""
        names = {name.split(':')[0] for name in
                 os.listdir(os.path.join(self.where(user), 'cur'))}
        return max(i for i, line in enumerate(lines)
                   if i > 0 and line.split(' :', 1)[1] in names)

    def _a_file(self, user):
        cur = os.path.join(self.where(user), 'cur')
        return os.path.join(cur, sorted(os.listdir(cur))[0])

    def flag(self, user):
        imap = self._imap(user)
        flags = [f for _, f in imap.ok(b'FETCH', b'1', b'(FLAGS)').fetches()]
        sign = b'-' if b'\\Flagged' in flags[0][b'FLAGS'] else b'+'
        imap.ok(b'STORE', b'1', sign + b'FLAGS', b'(\\Flagged)')
        imap.close()
        return r'uid \d+: flags: '

    def keyword(self, user):
        imap = self._imap(user)
        imap.ok(b'STORE', b'1', b'+FLAGS', b'(never-used-before)')
        imap.close()
        return r'uid \d+: keywords: .*never-used-before'

    def byte(self, user):
        path = self._a_file(user)
        times = os.stat(path)
        with open(path, 'r+b') as file:
            at = file.read().index(b'pb-')
            file.seek(at)
            file.write(b'pB-')
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        return r'uid \d+: digest: '

    def date(self, user):
        os.utime(self._a_file(user), (1000000000, 1000000000))
        self.forget(user)
        return r'uid \d+: date: .*09-Sep-2001'

    def uid(self, user):
        def change(lines):
            at = self._live_line(user, lines)
            line = lines.pop(at)
            new = max(int(re.search(r' N(\d+)', lines[0]).group(1)),
                      *(int(l.split(' ')[0]) + 1 for l in lines[1:]))
            lines.append('%d %s' % (new + 5, line.split(' ', 1)[1]))
        self._uidlist(user, change)
        return r'uid \d+: only at the (source|target)'

    def guid(self, user):
        def change(lines):
            at = self._live_line(user, lines)
            uid, rest = lines[at].split(' ', 1)
            lines[at] = '%s Gsomething-else %s' % (
                uid, re.sub(r'^G\S+ ', '', rest))
        self._uidlist(user, change)
        return r'uid \d+: guid: .*target something-else'

    def folder_guid(self, user):
        def change(lines):
            lines[0] = re.sub(r' G[0-9a-f]{32}', ' G' + 'ab' * 16, lines[0])
        self._uidlist(user, change)
        return r': guid: .*target abab'

    def uidvalidity(self, user):
        def change(lines):
            lines[0] = re.sub(r' V\d+', ' V4242', lines[0])
        self._uidlist(user, change)
        return r': uidvalidity: .*target 4242'

    def lost_message(self, user):
        os.unlink(self._a_file(user))
        return r'uid \d+: only at the source'

    def extra_message(self, user):
        imap = self._imap(user)
        imap.append(FOLDER, b'Subject: extra\r\n\r\nx\r\n')
        imap.close()
        return r'uid \d+: only at the target'

    def subscription(self, user):
        imap = self.target.imap(user)
        subscribed = {name for _, _, name in imap.list(subscribed=True)}
        verb = b'UNSUBSCRIBE' if FOLDER in subscribed else b'SUBSCRIBE'
        imap.ok(verb, imap.name(FOLDER))
        imap.close()
        return r': subscribed only at the (source|target)'

    def lost_folder(self, user):
        shutil.rmtree(self.where(user))
        return r'(: folder only at the source|: attributes: )'

    def extra_folder(self, user):
        imap = self.target.imap(user)
        imap.ok(b'CREATE', b'only-here')
        imap.close()
        return r'only-here: folder only at the target'


CHANGES = ('flag', 'keyword', 'byte', 'date', 'uid', 'guid', 'folder_guid',
           'uidvalidity', 'lost_message', 'extra_message', 'subscription',
           'lost_folder', 'extra_folder')


def _keywords_in_capitals(changes, user):
    """kw1 and KW1 are one keyword."""
    path = os.path.join(changes.where(user), 'dovecot-keywords')
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        file.write(text.upper())
    changes.forget(user)


def selftest_equal(case):
    """A copy made with cp -a is equal, and so is other case of keywords."""
    source, target, copies, picture = _two(case)
    user = copies.make()
    lines = compare.differences(picture, compare.take(target, user))
    if lines:
        raise SelfTestError('a plain copy differs:\n' +
                            compare.report(lines))
    user = copies.make()
    _keywords_in_capitals(Changes(target), user)
    lines = compare.differences(picture, compare.take(target, user))
    if lines:
        raise SelfTestError('keywords in capitals differ:\n' +
                            compare.report(lines))


def selftest_differs(case):
    """Each change on a copy is noticed, and nothing else."""
    source, target, copies, picture = _two(case)
    changes = Changes(target)
    for name in CHANGES:
        user = copies.make()
        pattern = getattr(changes, name)(user)
        _expect(name, compare.differences(
            picture, compare.take(target, user)), pattern)
    _expect_lower_uidnext(picture)
    _expect_watcher(picture)


def _two(case):
    source = case.dovecot('source')
    target = case.dovecot('target')
    user = RandomUser(source, 'alice', case.args.seed)
    user.ops(case.args.ops)
    user.close()
    _known_folder(source, 'alice')
    picture = compare.take(source, 'alice')
    return source, target, Copies(source, 'alice', target), picture


def _expect_lower_uidnext(picture):
    lower = copy.deepcopy(picture)
    lower.folders[(FOLDER,)].uidnext -= 1
    _expect('uidnext', compare.differences(picture, lower), ': uidnext: ')
    if compare.differences(lower, picture):
        raise SelfTestError('a higher UIDNEXT at the target is no difference')


def _expect_watcher(picture):
    watcher = compare.Watcher()
    watcher.look(picture)
    watcher.look(picture)
    if watcher.complaints:
        raise SelfTestError('the watcher complains of nothing')
    changed = copy.deepcopy(picture)
    folder = changed.folders[(FOLDER,)]
    uids = sorted(folder.messages)
    folder.messages[uids[0]].digest = 'other'
    watcher.look(changed)
    _expect('changed meaning', watcher.complaints, 'is now other')
    watcher = compare.Watcher()
    less = copy.deepcopy(picture)
    del less.folders[(FOLDER,)].messages[uids[0]]
    watcher.look(less)
    watcher.look(picture)
    _expect('late below UIDNEXT', watcher.complaints, 'below UIDNEXT')


def selftest_user(case):
    """The same seed does the same again."""
    seen = []
    for name in ('first', 'second'):
        dovecot = case.dovecot(name)
        user = RandomUser(dovecot, 'alice', case.args.seed, lmtp=False)
        user.ops(case.args.ops)
        user.close()
        picture = compare.take(dovecot, 'alice')
        seen.append(({parts: sorted((uid, sorted(m.flags), m.digest)
                                    for uid, m in folder.messages.items())
                      for parts, folder in picture.folders.items()},
                     picture.subscriptions, user.done))
    if seen[0] != seen[1]:
        raise SelfTestError('the same seed did something else')


def selftest_unprivileged(case):
    """A Dovecot without root serves mail, and its log is clean."""
    dovecot = case.dovecot('plain', unprivileged=True)
    user = RandomUser(dovecot, 'alice', case.args.seed)
    user.ops(case.args.ops)
    user.close()
    picture = compare.take(dovecot, 'alice')
    if not any(folder.messages for folder in picture.folders.values()):
        raise SelfTestError('nothing arrived')
    if dovecot.complaints((dovecot.MOVED_BACK,)):
        raise SelfTestError('its log is not clean')
