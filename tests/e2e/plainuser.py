"""A user without an IMAP server: a Maildir as mutt, an MDA, mblaze, mbsync,
Courier and mv leave it.

Everything is done with files; what the target should show is read from the
files again (expected).
"""

import os
import random
from datetime import datetime

from compare import digest
from randommail import random_mail
from randomuser import drop

LETTERS = {'S': b'\\seen', 'R': b'\\answered', 'F': b'\\flagged',
           'T': b'\\deleted', 'D': b'\\draft'}
FOLDERS = ('Work', 'Work.Sub', 'lists', 'Entw&APw-rfe', 'Sp ace')


class PlainUser:
    def __init__(self, maildir, seed, uid, gid):
        self.root = maildir
        self.rng = random.Random('plain/%s' % seed)
        self.seed = seed
        self.uid = uid
        self.gid = gid
        self.mails = 0
        self._make('INBOX')
        # Courier's own, which are no folders and no mail.
        self._own(os.makedirs, 'courierimapkeywords')
        for name in ('courierimapuiddb', 'courierimapsubscribed'):
            self._own(lambda path: open(path, 'w').close(), name)

    def _own(self, make, name):
        path = os.path.join(self.root, name)
        make(path)
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def path(self, folder):
        return self.root if folder == 'INBOX' else \
            os.path.join(self.root, '.' + folder)

    def _make(self, folder):
        for sub in ('', 'cur', 'new', 'tmp'):
            path = os.path.join(self.path(folder), sub)
            os.makedirs(path, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(path, self.uid, self.gid)

    def folders(self):
        return ['INBOX'] + sorted(
            name[1:] for name in os.listdir(self.root)
            if name.startswith('.')
            and os.path.isdir(os.path.join(self.root, name, 'cur')))

    def files(self, folder):
        """[(sub, file name)] of a folder, sorted."""
        return [(sub, name) for sub in ('cur', 'new')
                for name in sorted(os.listdir(
                    os.path.join(self.path(folder), sub)))
                if not name.startswith('.')]

    # What the user does.

    def _deliver(self):
        self.mails += 1
        token = b'plain-%s-%d' % (str(self.seed).encode(), self.mails)
        mail = random_mail(self.rng, token)
        base = self.rng.choice((
            '%(time)d.R%(random)d_%(number)d.host',             # mutt
            '%(time)d.%(random)d_%(number)d.host,U=%(number)d',  # mbsync
            '%(time)d.%(random)d.Q%(number)d.host',             # mblaze
            '%(time)d.M%(random)dP%(number)dV00000801I0%(random)d_0.host,'
            'S=%(size)d')) % {                                  # Courier
                'time': 1600000000 + self.mails, 'number': self.mails,
                'random': self.rng.randrange(10**9), 'size': len(mail)}
        drop(self.path(self.rng.choice(self.folders())), base, mail,
             self.uid, self.gid,
             self.rng.choice((None, 1500000000 + self.mails)))

    def _pick(self):
        folder = self.rng.choice(self.folders())
        files = self.files(folder)
        return (folder,) + self.rng.choice(files) if files else None

    def _flag(self):
        """As mutt: into cur/, letters in ASCII order; P has no IMAP flag."""
        picked = self._pick()
        if picked:
            folder, sub, name = picked
            letters = ''.join(sorted(self.rng.sample(
                'DFPRST', self.rng.randrange(4))))
            self._rename(folder, sub, name, folder,
                         name.split(':')[0] + ':2,' + letters)

    def _rename(self, folder, sub, name, to_folder, to_name):
        os.rename(os.path.join(self.path(folder), sub, name),
                  os.path.join(self.path(to_folder), 'cur', to_name))

    def _move(self):
        picked = self._pick()
        if picked:
            folder, sub, name = picked
            self._rename(folder, sub, name, self.rng.choice(self.folders()),
                         name if ':' in name else name + ':2,')

    def _number(self):
        """As mbsync, once it has a UID for a mail."""
        picked = self._pick()
        if picked:
            folder, sub, name = picked
            base, colon, letters = name.partition(':')
            if ',U=' not in base:
                where = os.path.join(self.path(folder), sub)
                numbered = '%s,U=%d' % (base, self.rng.randrange(1, 1000))
                os.rename(os.path.join(where, name),
                          os.path.join(where, numbered + colon + letters))

    def _remove(self):
        picked = self._pick()
        if picked:
            folder, sub, name = picked
            os.unlink(os.path.join(self.path(folder), sub, name))

    def _new_folder(self):
        self._make(self.rng.choice(FOLDERS))

    def ops(self, count):
        for _ in range(count):
            self.rng.choices(
                (self._deliver, self._flag, self._move, self._number,
                 self._remove, self._new_folder), (10, 8, 3, 2, 2, 1))[0]()

    # What the target should show of it.

    def expected(self):
        """{folder parts: {base name: (flags, mtime, digest)}}"""
        return {tuple(folder.encode().split(b'.')):
                {name.split(':')[0]: self._message(folder, sub, name)
                 for sub, name in self.files(folder)}
                for folder in self.folders()}

    def _message(self, folder, sub, name):
        path = os.path.join(self.path(folder), sub, name)
        with open(path, 'rb') as file:
            body = file.read()
        # IMAP sends CRLF whatever is on disk, and no NUL.
        body = body.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
        letters = name.partition(':2,')[2]
        return (frozenset(LETTERS[c] for c in letters if c in LETTERS),
                int(os.stat(path).st_mtime), digest(body))


def epoch(internaldate):
    return int(datetime.strptime(internaldate.decode().strip(),
                                 '%d-%b-%Y %H:%M:%S %z').timestamp())


def plain_differences(expected, picture):
    """Every difference between the files and a target's picture."""
    out = []
    for name in sorted(expected.keys() ^ picture.folders.keys()):
        where = 'source' if name in expected else 'target'
        folder = picture.folders.get(name)
        if folder is None or b'\\noselect' not in folder.attributes:
            out.append('%r: folder only at the %s' % (name, where))
    for name in sorted(expected.keys() & picture.folders.keys()):
        shown = {m.guid.decode(): (m.flags, epoch(m.date), m.digest)
                 for m in picture.folders[name].messages.values()}
        for base in sorted(expected[name].keys() | shown.keys()):
            a, b = expected[name].get(base), shown.get(base)
            if a != b:
                out.append('%r %s: source %s, target %s' % (name, base, a, b))
    return out
