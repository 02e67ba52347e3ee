"""What a client sees of an account, and whether two sites show the same.

The rule: everything is equal but HIGHESTMODSEQ, \\Recent and SAVEDATE, and
UIDNEXT at the target is not below the source's.  Folder names are compared as
lists of parts, since layouts differ in their separator; a name at the source
that neither is a folder nor holds one (layout fs keeps the directory) need not
be there.  \\HasChildren and \\Marked say nothing that is not compared elsewhere.
"""

import hashlib
from dataclasses import dataclass, field

from imapclient import ImapError

NOISE = frozenset((b'\\haschildren', b'\\hasnochildren', b'\\marked',
                   b'\\unmarked', b'\\subscribed'))
UNSELECTABLE = frozenset((b'\\noselect', b'\\nonexistent'))


@dataclass
class Message:
    flags: frozenset        # lower case, without \recent
    keywords: frozenset     # lower case
    date: bytes             # INTERNALDATE as the server prints it
    size: int
    digest: str             # sha256 of BODY[]
    guid: bytes


@dataclass
class Folder:
    attributes: frozenset
    uidvalidity: int = 0
    uidnext: int = 0
    guid: bytes = b''
    messages: dict = field(default_factory=dict)    # UID: Message


@dataclass
class Picture:
    folders: dict           # tuple of name parts: Folder
    subscriptions: set      # of tuples of name parts


def digest(body):
    return hashlib.sha256(body).hexdigest()


def split_flags(words):
    words = {w.lower() for w in words} - {b'\\recent'}
    return (frozenset(w for w in words if w.startswith(b'\\')),
            frozenset(w for w in words if not w.startswith(b'\\')))


FETCH = b'(UID FLAGS INTERNALDATE RFC822.SIZE X-GUID BODY.PEEK[])'


def parts(name, separator):
    names = name.split(separator) if separator else [name]
    if names[0].upper() == b'INBOX':
        names[0] = b'INBOX'
    return tuple(names)


def take(dovecot, user):
    """The picture of an account, through one session of its own."""
    imap = dovecot.imap(user)
    try:
        picture = Picture({}, set())
        listed = imap.list()
        for attributes, separator, name in listed:
            folder = Folder(attributes - NOISE - UNSELECTABLE)
            picture.folders[parts(name, separator)] = folder
            if attributes & UNSELECTABLE or not _look_into(imap, name,
                                                           folder):
                folder.attributes |= {b'\\noselect'}
        for _, separator, name in imap.list(subscribed=True):
            picture.subscriptions.add(parts(name, separator))
        return picture
    finally:
        imap.close()


def _look_into(imap, name, folder):
    """False where there is no such folder.  Dovecot's list index forgets
    \\Noselect of a Maildir++ parent that was deleted: only trying tells."""
    answer = imap.cmd(b'EXAMINE', imap.name(name))
    if answer.status == b'NO' and b"doesn't exist" in answer.text:
        return False
    if answer.status != b'OK':
        raise ImapError('EXAMINE %r: %r' % (name, answer.text))
    for _, values in imap.ok(b'UID', b'FETCH', b'1:*', FETCH).fetches():
        flags, keywords = split_flags(values[b'FLAGS'])
        folder.messages[int(values[b'UID'])] = Message(
            flags, keywords, values[b'INTERNALDATE'],
            int(values[b'RFC822.SIZE']), digest(values[b'BODY[]']),
            values[b'X-GUID'])
    status = imap.status(name, b'UIDVALIDITY UIDNEXT X-GUID')
    folder.uidvalidity = int(status[b'UIDVALIDITY'])
    folder.uidnext = int(status[b'UIDNEXT'])
    folder.guid = status[b'X-GUID']
    if answer.code(b'UIDVALIDITY') != status[b'UIDVALIDITY']:
        raise RuntimeError('%r changed while it was looked at' % name)
    return True


# Differences, in words.

def show(name):
    return b'/'.join(name).decode(errors='backslashreplace')


def _words(value):
    if isinstance(value, frozenset):
        return ' '.join(sorted(v.decode() for v in value)) or '(none)'
    return value.decode() if isinstance(value, bytes) else str(value)


def message_differences(where, source, target,
                        what=('flags', 'keywords', 'date', 'size', 'digest',
                              'guid')):
    for name in what:
        a, b = getattr(source, name), getattr(target, name)
        if a != b:
            yield '%s: %s: source %s, target %s' % (where, name, _words(a),
                                                    _words(b))


def _folder_differences(name, source, target):
    where = show(name)
    for what in ('attributes', 'uidvalidity', 'guid'):
        a, b = getattr(source, what), getattr(target, what)
        if a != b:
            yield '%s: %s: source %s, target %s' % (where, what, _words(a),
                                                    _words(b))
    if target.uidnext < source.uidnext:
        yield '%s: uidnext: source %d, target lower: %d' % (
            where, source.uidnext, target.uidnext)
    for uid in sorted(source.messages.keys() | target.messages.keys()):
        here = '%s uid %d' % (where, uid)
        if uid not in target.messages:
            yield '%s: only at the source (%s)' % (
                here, source.messages[uid].guid.decode())
        elif uid not in source.messages:
            yield '%s: only at the target (%s)' % (
                here, target.messages[uid].guid.decode())
        else:
            yield from message_differences(here, source.messages[uid],
                                           target.messages[uid])


def _holds_nothing(name, picture):
    return all(b'\\noselect' in folder.attributes
               for other, folder in picture.folders.items()
               if other[:len(name)] == name)


def differences(source, target):
    """Every difference between two pictures as one line; [] when equal."""
    out = []
    for name in sorted(source.folders.keys() | target.folders.keys()):
        if name not in target.folders:
            if _holds_nothing(name, source):
                continue
            out.append('%s: folder only at the source' % show(name))
        elif name not in source.folders:
            out.append('%s: folder only at the target' % show(name))
        else:
            out.extend(_folder_differences(name, source.folders[name],
                                           target.folders[name]))
    for name in sorted(source.subscriptions - target.subscriptions):
        out.append('%s: subscribed only at the source' % show(name))
    for name in sorted(target.subscriptions - source.subscriptions):
        out.append('%s: subscribed only at the target' % show(name))
    return out


def report(lines, limit=40):
    text = '\n'.join('  ' + line for line in lines[:limit])
    if len(lines) > limit:
        text += '\n  ... and %d more' % (len(lines) - limit)
    return text


class Watcher:
    """Remembers every (folder GUID, UIDVALIDITY, UID) ever seen at a site,
    and complains when one comes to mean another message, or when a message
    appears below a UIDNEXT that was seen before (promise 5)."""

    def __init__(self):
        self.meaning = {}       # (guid, uidvalidity, uid): digest
        self.uidnext = {}       # (guid, uidvalidity): highest seen
        self.complaints = []

    def message(self, guid, uidvalidity, uid, content):
        key = (guid, uidvalidity, uid)
        known = self.meaning.setdefault(key, content)
        if known != content:
            self.complaints.append('%s %d uid %d: was %s, is now %s' % (
                guid.decode(), uidvalidity, uid, known, content))

    def folder(self, folder):
        key = (folder.guid, folder.uidvalidity)
        before = self.uidnext.get(key, 0)
        for uid, message in folder.messages.items():
            known = (folder.guid, folder.uidvalidity, uid) in self.meaning
            if not known and uid < before:
                self.complaints.append(
                    '%s %d uid %d: appeared below UIDNEXT %d' % (
                        folder.guid.decode(), folder.uidvalidity, uid,
                        before))
            self.message(folder.guid, folder.uidvalidity, uid,
                         message.digest)
        if folder.uidnext < before:
            self.complaints.append('%s %d: UIDNEXT fell from %d to %d' % (
                folder.guid.decode(), folder.uidvalidity, before,
                folder.uidnext))
        self.uidnext[key] = max(before, folder.uidnext)

    def look(self, picture):
        for folder in picture.folders.values():
            if folder.uidvalidity:
                self.folder(folder)
