"""What an account's own logs say that its mail is: a picture to compare with
what a client sees (tests/e2e/compare.py).

An independent reading: the lines that `packetboat log` prints, merged here by
nothing but the order of stamps, register by register.
"""

import glob
import os
import re
import subprocess

INBOX = b'INBOX'.hex().ljust(32, '0')
ACCOUNT = '0' * 32
LETTERS = {'D': b'\\draft', 'F': b'\\flagged', 'R': b'\\answered',
           'S': b'\\seen', 'T': b'\\deleted'}
CHANGE = re.compile(r'  (\d+) (\S+) (\S+)(.*)')
TEXT = re.compile(r'"((?:[^"\\]|\\x[0-9a-f]{2})*)"')


def unescape(text):
    return re.sub(rb'\\x([0-9a-f]{2})', lambda m: bytes.fromhex(
        m.group(1).decode()), text.encode())


class Message:
    def __init__(self):
        self.places = []        # (stamp, order, folder, uid)
        self.flags = {}         # name: (stamp, order, set)
        self.size = self.date = self.body = None
        self.dots = set()


class Replay:
    def __init__(self, program, config, state, account):
        self.command = [program, '-c', config, 'log']
        self.log_dir = os.path.join(state, 'log', account)
        self.messages = {}      # dot: Message
        self.dead = set()
        self.folders = {}       # id: path
        self.deleted = {}       # id: (stamp, order)
        self.born = {}
        self.subscribed = {}    # id or path: bool
        self._read()

    def _changes(self):
        for directory in sorted(os.listdir(self.log_dir)):
            files = sorted(glob.glob(os.path.join(
                self.log_dir, directory, '*.changes')))
            text = subprocess.run(self.command + files, check=True,
                                  stdout=subprocess.PIPE).stdout.decode()
            for line in text.split('\n'):
                found = CHANGE.fullmatch(line)
                if found and found.group(3) != 'statement':
                    lsn, stamp, kind, rest = found.groups()
                    yield (self._stamp(stamp), kind, directory, int(lsn),
                           rest)

    @staticmethod
    def _stamp(text):
        if text == '-':
            return ('', 0)
        text, _, count = text.partition('+')
        return (text, int(count or 0))

    def _read(self):
        changes = sorted(self._changes(), key=lambda c: (c[0], c[3]))
        # Births first: what else speaks of a dot may be stamped like it.
        for births in (True, False):
            for order, (stamp, kind, log, lsn, rest) in enumerate(changes):
                if (kind in ('save', 'copy', 'folder')) == births:
                    self._apply(kind, (stamp, order), log, lsn, rest)

    def _apply(self, kind, *args):
        handlers = {
            'save': self._birth, 'copy': self._birth, 'move': self._move,
            'left': self._nothing, 'flags': self._flag,
            'expunge': self._expunge, 'uid': self._uid,
            'extra': self._nothing, 'folder': self._folder,
            'rename': self._rename, 'delete': self._delete,
            'subscribe': self._subscribe, 'identity': self._nothing,
            'authority': self._nothing,
        }
        handlers[kind](*args)

    def _nothing(self, when, log, lsn, rest):
        pass

    @staticmethod
    def _dots(log, rest):
        """The dots named at the start of a line: (folder, lsn)."""
        for word in rest.split(' ')[1:]:
            found = re.fullmatch(r'[0-9a-f]{16}(?:@([0-9a-f]{32}))?:(\d+)',
                                 word)
            if found:
                yield (found.group(1) or log, int(found.group(2)))
            elif word != 'from':
                return

    @staticmethod
    def _flags(rest):
        """What follows the quoted name, or the dot."""
        words = TEXT.sub('', rest).split(' ')
        return [(w[0], w[1:]) for w in words if len(w) > 1 and w[0] in '+-']

    def _place(self, message, when, log, rest):
        found = re.search(r' uid (\d+) size (\d+) date (\S+) body (\w+)', rest)
        message.places.append((*when, log, int(found.group(1))))
        if message.size is None:
            message.size = int(found.group(2))
            message.date = found.group(3)
            message.body = found.group(4)

    def _set(self, message, when, sign, name):
        key = name.lower()
        if name in LETTERS:
            key = name
        if key not in message.flags or message.flags[key][:2] <= when:
            message.flags[key] = (*when, sign == '+')

    def _birth(self, when, log, lsn, rest):
        message = self.messages[(log, lsn)] = Message()
        message.dots.add((log, lsn))
        self._place(message, when, log, rest)
        for sign, name in self._flags(rest):
            self._set(message, (('', 0), -1), sign, name)

    def _move(self, when, log, lsn, rest):
        dots = list(self._dots(log, rest))
        message = self.messages[dots[0]]
        for other in dots[1:]:
            # Both are one message: the copy, and what was said of flags of
            # the other since it was born.
            joined = self.messages[other]
            for name, flag in message.flags.items():
                if flag[0] != ('', 0) and (
                        name not in joined.flags or
                        joined.flags[name][:2] < flag[:2]):
                    joined.flags[name] = flag
            joined.dots |= message.dots
            joined.places += message.places
            for dot in joined.dots:
                self.messages[dot] = joined
            message = joined
        self._place(message, when, log, rest)

    def _flag(self, when, log, lsn, rest):
        message = self.messages[next(self._dots(log, rest))]
        for sign, name in self._flags(rest):
            self._set(message, when, sign, name)

    def _expunge(self, when, log, lsn, rest):
        self.dead.add(next(self._dots(log, rest)))

    def _uid(self, when, log, lsn, rest):
        message = self.messages[next(self._dots(log, rest))]
        found = re.search(r' uid (\d+)', rest)
        last = max(message.places)
        message.places.append((*when, last[2], int(found.group(1))))

    # The account log.

    def _folder(self, when, log, lsn, rest):
        fid = rest.split(' ')[1]
        self.folders.setdefault(fid, []).append(
            (*when, unescape(TEXT.search(rest).group(1))))
        self.born[fid] = max(when, self.born.get(fid, when))

    def _rename(self, when, log, lsn, rest):
        fid = rest.split(' ')[1]
        self.folders[fid].append((*when,
                                  unescape(TEXT.search(rest).group(1))))

    def _delete(self, when, log, lsn, rest):
        self.deleted[rest.split(' ')[1]] = when

    def _subscribe(self, when, log, lsn, rest):
        words = rest.split(' ')
        value = words[-1] == 'yes'
        key = words[1]
        if key == ACCOUNT:
            key = unescape(TEXT.search(rest).group(1))
        self.subscribed[key] = value

    # What it comes to.

    def paths(self):
        """{id: path} of the living folders."""
        return {fid: max(paths)[2] for fid, paths in self.folders.items()
                if fid not in self.deleted or
                self.deleted[fid] < self.born[fid]}

    def mail(self):
        """{path: {uid: (flags, keywords, date, size)}}"""
        paths = self.paths()
        mail = {path: {} for path in paths.values()}
        seen = set()
        problems = []
        for message in self.messages.values():
            if id(message) in seen or message.dots <= self.dead:
                continue
            seen.add(id(message))
            _, _, fid, uid = max(message.places)
            if fid not in paths:
                problems.append('a living message in dead folder %s' % fid)
                continue
            on = {n for n, flag in message.flags.items() if flag[2]}
            value = (frozenset(LETTERS[n] for n in on if n in LETTERS),
                     frozenset(n.encode() for n in on if n not in LETTERS),
                     message.date, message.size)
            if uid in mail[paths[fid]]:
                problems.append('%s: UID %d twice' % (paths[fid], uid))
            mail[paths[fid]][uid] = value
        return mail, problems

    def subscriptions(self):
        paths = self.paths()
        return {paths.get(key, key) if isinstance(key, str) else key
                for key, value in self.subscribed.items()
                if value and (not isinstance(key, str) or key in paths)}
