"""A Maildir with or without Dovecot's files, made and changed by hand as its
server would, and what it holds, to be compared."""

import hashlib
import os
import random
import shutil
from dataclasses import dataclass, field

TIME = 1700000000


def parse_uidlist(path):
    """(header fields by letter, {base: (uid, fields)}); twice in it: error."""
    head, lines = {}, {}
    with open(path) as file:
        words = file.readline().split()
        if words[0] != '3':
            raise ValueError('%s: not a UID list' % path)
        for word in words[1:]:
            head[word[0]] = word[1:]
        last = 0
        for line in file:
            fields, base = line.rstrip('\n').split(':', 1)
            fields = fields.split()
            uid = int(fields[0])
            if uid <= last:
                raise ValueError('%s: UID %d after %d' % (path, uid, last))
            last = uid
            lines[base] = (uid, tuple(fields[1:]))
    head['next'] = max(int(head.get('N', '1')), last + 1)
    return head, lines


@dataclass(frozen=True)
class Shape:
    """How a mail store lies there."""
    root: str
    fs: bool = False        # Work/2026/, not .Work.2026/
    bare: bool = False      # none of Dovecot's files
    control: str = None     # Dovecot's files, where not with the mail
    index: str = None

    def _below(self, root, folder, inbox):
        name = folder if self.fs else '.' + folder.replace('/', '.')
        return root if folder == 'INBOX' and inbox else \
            os.path.join(root, name)

    def dir(self, folder):
        return self._below(self.root, folder, True)

    def control_dir(self, folder):
        if self.control:
            return self._below(self.control, folder, False)
        return self.dir(folder)

    def index_dir(self, folder):
        return self._below(self.index, folder, False)

    def subscriptions(self):
        return os.path.join(self.control or self.root, 'subscriptions')

    def folders(self):
        """The names of all folders that are there."""
        found = ['INBOX']
        if not self.fs:
            return found + [
                name[1:].replace('.', '/') for name in os.listdir(self.root)
                if name[0] == '.' and os.path.isdir(
                    os.path.join(self.root, name, 'cur'))]
        for directory, names, _ in os.walk(self.root):
            if 'cur' in names and directory != self.root:
                found.append(os.path.relpath(directory, self.root))
            names[:] = [n for n in names if n not in ('cur', 'new', 'tmp')]
        return found


class Maker:
    """One account's mail store, changed by its user."""

    def __init__(self, shape, seed, count=0, remove=shutil.rmtree):
        """count: of mails; two users' mails must have names of their own.
        remove: does away with a directory."""
        self.shape = shape
        self.remove = remove
        self.rng = random.Random('maker/%s' % seed)
        self.count = count
        self.validity = 1700000000 + count
        if not os.path.exists(shape.root):
            for root in (shape.root, shape.control, shape.index):
                if root:
                    os.makedirs(root, mode=0o700)
            self.create('INBOX')

    # Folders.

    def create(self, folder):
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(self.shape.dir(folder), part),
                        mode=0o700)
        if self.shape.bare:
            return
        if folder != 'INBOX' and not self.shape.fs:
            open(os.path.join(self.shape.dir(folder), 'maildirfolder'),
                 'w').close()
        os.makedirs(self.shape.control_dir(folder), mode=0o700, exist_ok=True)
        self.validity += 1
        self._write_uidlist(folder, {
            'V': str(self.validity), 'N': '1',
            'G': '%032x' % self.rng.getrandbits(128)}, {})

    def rename(self, old, new):
        """With its children."""
        shape = self.shape
        for where in (shape.dir, shape.control and shape.control_dir,
                      shape.index and shape.index_dir):
            if not where:
                continue
            if shape.fs:
                os.rename(where(old), where(new))
                continue
            top = os.path.dirname(where(old))
            for name in sorted(os.listdir(top)):
                path = name[1:].replace('.', '/')
                if name[0] == '.' and (path + '/').startswith(old + '/'):
                    os.rename(os.path.join(top, name),
                              where(new + path[len(old):]))

    def delete(self, folder):
        """One without children."""
        for root, where in ((self.shape.root, self.shape.dir),
                            (self.shape.control, self.shape.control_dir),
                            (self.shape.index, self.shape.index_dir)):
            if root and os.path.exists(where(folder)):
                self.remove(where(folder))

    def subscribe(self, folder, value=True):
        names = sorted(subscribed_names(self.shape.subscriptions()))
        if value:
            names.append(folder)
        else:
            names.remove(folder)
        self._replace(self.shape.subscriptions(), 'V\t2\n\n' + ''.join(
            name.replace('/', '\t') + '\n' for name in names))

    def index(self):
        """What Dovecot keeps of each folder besides."""
        for folder in self.shape.folders() if self.shape.index else ():
            os.makedirs(self.shape.index_dir(folder), mode=0o700,
                        exist_ok=True)
            open(os.path.join(self.shape.index_dir(folder),
                              'dovecot.index.log'), 'w').close()

    # Messages.

    def body(self, size):
        words = ['%08x' % self.rng.getrandbits(32) for _ in range(size // 9)]
        return ('Subject: mail %d\r\n\r\n%s\r\n'
                % (self.count, ' '.join(words))).encode()

    def deliver(self, folder, size=300, letters=None, keywords=()):
        """letters None: to new/. Returns the base name."""
        self.count += 1
        body = self.body(size)
        when = TIME + 60 * self.count
        base = '%d.M%dP7.test,S=%d,W=%d' % (when, self.count, len(body),
                                            len(body))
        temp = os.path.join(self.shape.dir(folder), 'tmp', base)
        with open(temp, 'wb') as file:
            file.write(body)
        os.chmod(temp, 0o600)
        os.utime(temp, (when, when))
        self._number(folder, base)
        if letters is None:
            name = 'new/' + base
        else:
            name = 'cur/%s:2,%s%s' % (base, letters,
                                      self._letters(folder, keywords))
        os.rename(temp, os.path.join(self.shape.dir(folder), name))
        return base

    def flags(self, folder, base, letters, keywords=()):
        os.rename(self.path(folder, base), os.path.join(
            self.shape.dir(folder), 'cur', '%s:2,%s%s' % (
                base, letters, self._letters(folder, keywords))))

    def copy(self, source, base, target):
        flags = self.path(source, base).partition(':2,')[2]
        known = keyword_names(os.path.join(
            self.shape.control_dir(source), 'dovecot-keywords'))
        keywords = [known[ord(c) - 97] for c in flags if c.islower()]
        self._number(target, base)
        os.link(self.path(source, base), os.path.join(
            self.shape.dir(target), 'cur', '%s:2,%s%s' % (
                base, ''.join(c for c in flags if not c.islower()),
                self._letters(target, keywords))))

    def move(self, source, base, target):
        self.copy(source, base, target)
        os.unlink(self.path(source, base))

    def expunge(self, folder, base):
        os.unlink(self.path(folder, base))

    def path(self, folder, base):
        for part in ('cur', 'new'):
            directory = os.path.join(self.shape.dir(folder), part)
            for name in os.listdir(directory):
                if name.partition(':2,')[0] == base:
                    return os.path.join(directory, name)
        raise KeyError(base)

    # Their files.

    def _replace(self, path, text):
        with open(path + '.t', 'w') as file:
            file.write(text)
        os.chmod(path + '.t', 0o600)
        os.rename(path + '.t', path)

    def _write_uidlist(self, folder, head, lines):
        rows = sorted((uid, fields, base)
                      for base, (uid, fields) in lines.items())
        self._replace(
            os.path.join(self.shape.control_dir(folder), 'dovecot-uidlist'),
            '3 V%s N%s G%s\n' % (head['V'], head['N'], head['G']) +
            ''.join('%s :%s\n' % (' '.join((str(uid),) + fields), base)
                    for uid, fields, base in rows))

    def _number(self, folder, base):
        if self.shape.bare:
            return
        head, lines = parse_uidlist(os.path.join(
            self.shape.control_dir(folder), 'dovecot-uidlist'))
        lines[base] = (head['next'], ())
        head['N'] = str(head['next'] + 1)
        self._write_uidlist(folder, head, lines)

    def _letters(self, folder, keywords):
        """The letters of keywords here; new ones get the next."""
        if self.shape.bare:
            return ''
        path = os.path.join(self.shape.control_dir(folder),
                            'dovecot-keywords')
        names = keyword_names(path)
        for keyword in keywords:
            if keyword not in names.values():
                names[len(names)] = keyword
                self._replace(path, ''.join(
                    '%d %s\n' % row for row in sorted(names.items())))
        return ''.join(sorted(chr(97 + number)
                              for number, name in names.items()
                              if name in keywords))


def keyword_names(path):
    names = {}
    if os.path.exists(path):
        with open(path) as file:
            for line in file:
                number, name = line.split()
                names[int(number)] = name
    return names


@dataclass
class Folder:
    validity: str = ''
    guid: str = ''
    next: int = 0
    messages: dict = field(default_factory=dict)


class Twice(Exception):
    """One base name that two files have."""


def subscribed_names(path):
    if not os.path.exists(path):
        return set()
    with open(path) as file:
        return {line.rstrip('\n').replace('\t', '/') for line in file
                if line.strip() and not line.startswith('V\t')}


def look_folder(directory, control):
    folder = Folder()
    lines = {}
    if os.path.exists(os.path.join(control, 'dovecot-uidlist')):
        head, lines = parse_uidlist(os.path.join(control, 'dovecot-uidlist'))
        folder.validity, folder.guid = head['V'], head.get('G', '')
        folder.next = head['next']
    names = keyword_names(os.path.join(control, 'dovecot-keywords'))
    for part in ('new', 'cur'):
        for name in os.listdir(os.path.join(directory, part)):
            path = os.path.join(directory, part, name)
            if name[0] == '.':
                continue
            base, _, flags = name.partition(':2,')
            if base in folder.messages:
                raise Twice(path)
            with open(path, 'rb') as file:
                body = hashlib.sha256(file.read()).hexdigest()
            folder.messages[base] = (
                lines.get(base, (0, ())),
                ''.join(c for c in flags if not c.islower()),
                tuple(sorted(names.get(ord(c) - 97, '?' + c)
                             for c in flags if c.islower())),
                int(os.stat(path).st_mtime), body)
    return folder


def look(shape):
    """({path: Folder}, subscribed names) of a mail store."""
    return ({name: look_folder(shape.dir(name), shape.control_dir(name))
             for name in shape.folders()},
            subscribed_names(shape.subscriptions()))


def differences(source, target, where='target', same=None):
    """What tells two looks apart, as lines of text.  With same(one, other),
    which says whether two messages are, a UIDVALIDITY, which may come from
    the clock, does not count."""
    said = []
    for name in sorted(source[0].keys() | target[0].keys()):
        a, b = source[0].get(name), target[0].get(name)
        if a is None or b is None:
            said.append('folder %s: %s at the %s' % (
                name, 'not' if b is None else 'only', where))
            continue
        if a.guid != b.guid or (not same and a.validity != b.validity):
            said.append('folder %s: V%s G%s, at the %s V%s G%s' % (
                name, a.validity, a.guid, where, b.validity, b.guid))
        if b.next < a.next:
            said.append('folder %s: UIDNEXT %d, at the %s %d'
                        % (name, a.next, where, b.next))
        for base in sorted(a.messages.keys() | b.messages.keys()):
            one, other = a.messages.get(base), b.messages.get(base)
            if one != other and not (same and same(one, other)):
                said.append('folder %s: message %s: %s, at the %s %s'
                            % (name, base, one, where, other))
    if source[1] != target[1]:
        said.append('subscribed: %s, at the %s %s' % (
            sorted(source[1]), where, sorted(target[1])))
    return said
