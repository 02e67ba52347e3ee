"""A Maildir with Dovecot's files, made and changed by hand as Dovecot would,
and what it holds, to be compared.  Layout Maildir++."""

import hashlib
import os
import random
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


class Maker:
    """One account's Maildir, changed by its user."""

    def __init__(self, root, seed):
        self.root = root
        self.rng = random.Random('maker/%s' % seed)
        self.count = 0
        self.validity = 1700000000
        os.makedirs(root, mode=0o700)
        self.create('INBOX')
        self.subscribed = []

    def dir(self, folder):
        if folder == 'INBOX':
            return self.root
        return os.path.join(self.root, '.' + folder.replace('/', '.'))

    # Folders.

    def create(self, folder):
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(self.dir(folder), part), mode=0o700)
        if folder != 'INBOX':
            open(os.path.join(self.dir(folder), 'maildirfolder'), 'w').close()
        self.validity += 1
        self._write_uidlist(folder, {
            'V': str(self.validity), 'N': '1',
            'G': '%032x' % self.rng.getrandbits(128)}, {})

    def rename(self, old, new):
        """With its children."""
        for name in sorted(os.listdir(self.root)):
            path = name[1:].replace('.', '/')
            if name[0] == '.' and (path + '/').startswith(old + '/'):
                os.rename(os.path.join(self.root, name),
                          self.dir(new + path[len(old):]))

    def delete(self, folder):
        top = self.dir(folder)
        for directory, names, files in os.walk(top, topdown=False):
            for name in files:
                os.unlink(os.path.join(directory, name))
            os.rmdir(directory)

    def subscribe(self, folder, value=True):
        if value:
            self.subscribed.append(folder)
        else:
            self.subscribed.remove(folder)
        self._replace(os.path.join(self.root, 'subscriptions'),
                      'V\t2\n\n' + ''.join(name.replace('/', '\t') + '\n'
                                           for name in self.subscribed))

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
        temp = os.path.join(self.dir(folder), 'tmp', base)
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
        os.rename(temp, os.path.join(self.dir(folder), name))
        return base

    def flags(self, folder, base, letters, keywords=()):
        os.rename(self.path(folder, base), os.path.join(
            self.dir(folder), 'cur', '%s:2,%s%s' % (
                base, letters, self._letters(folder, keywords))))

    def copy(self, source, base, target):
        """Another name where it would be the same twice."""
        name = os.path.basename(self.path(source, base))
        self._number(target, base)
        os.link(self.path(source, base),
                os.path.join(self.dir(target), 'cur',
                             base + ':2,' + name.partition(':2,')[2]))

    def move(self, source, base, target):
        self.copy(source, base, target)
        os.unlink(self.path(source, base))

    def expunge(self, folder, base):
        os.unlink(self.path(folder, base))

    def path(self, folder, base):
        for part in ('cur', 'new'):
            directory = os.path.join(self.dir(folder), part)
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
            os.path.join(self.dir(folder), 'dovecot-uidlist'),
            '3 V%s N%s G%s\n' % (head['V'], head['N'], head['G']) +
            ''.join('%s :%s\n' % (' '.join((str(uid),) + fields), base)
                    for uid, fields, base in rows))

    def _number(self, folder, base):
        head, lines = parse_uidlist(
            os.path.join(self.dir(folder), 'dovecot-uidlist'))
        lines[base] = (head['next'], ())
        head['N'] = str(head['next'] + 1)
        self._write_uidlist(folder, head, lines)

    def _letters(self, folder, keywords):
        """The letters of keywords here; new ones get the next."""
        path = os.path.join(self.dir(folder), 'dovecot-keywords')
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


def look_folder(directory):
    folder = Folder()
    head, lines = parse_uidlist(os.path.join(directory, 'dovecot-uidlist'))
    folder.validity, folder.guid = head['V'], head.get('G', '')
    folder.next = head['next']
    names = keyword_names(os.path.join(directory, 'dovecot-keywords'))
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


def look(root):
    """({path: Folder}, subscribed names) of a Maildir."""
    folders = {'INBOX': look_folder(root)}
    for name in os.listdir(root):
        path = os.path.join(root, name)
        if name[0] == '.' and os.path.isdir(os.path.join(path, 'cur')):
            folders[name[1:].replace('.', '/')] = look_folder(path)
    subscribed = set()
    path = os.path.join(root, 'subscriptions')
    if os.path.exists(path):
        with open(path) as file:
            subscribed = {line.rstrip('\n').replace('\t', '/')
                          for line in file
                          if line.strip() and not line.startswith('V\t')}
    return folders, subscribed


def differences(source, target):
    """What tells two sites' looks apart, as lines of text."""
    said = []
    for name in sorted(source[0].keys() | target[0].keys()):
        a, b = source[0].get(name), target[0].get(name)
        if a is None or b is None:
            said.append('folder %s: only at the %s'
                        % (name, 'source' if b is None else 'target'))
            continue
        if (a.validity, a.guid) != (b.validity, b.guid):
            said.append('folder %s: V%s G%s, at the target V%s G%s' % (
                name, a.validity, a.guid, b.validity, b.guid))
        if b.next < a.next:
            said.append('folder %s: UIDNEXT %d, at the target %d'
                        % (name, a.next, b.next))
        for base in sorted(a.messages.keys() | b.messages.keys()):
            one, other = a.messages.get(base), b.messages.get(base)
            if one != other:
                said.append('folder %s: message %s: %s, at the target %s'
                            % (name, base, one, other))
    if source[1] != target[1]:
        said.append('subscribed: %s, at the target %s'
                    % (sorted(source[1]), sorted(target[1])))
    return said
