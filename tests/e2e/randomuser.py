"""A mail user who does everything, the same again for the same seed.

Several sessions stay open, one of them in IDLE; mail arrives by LMTP and by
files dropped into new/.  Operations are done one after the other, so that
nothing but the server's own timing differs between two runs of one seed.  NO
is an answer a user may get (a folder just went); BAD never is.
"""

import collections
import os
import random
import smtplib
import time

from imapclient import ImapBye, ImapError, mutf7_encode
from randommail import random_mail

FLAGS = (b'\\Seen', b'\\Answered', b'\\Flagged', b'\\Deleted', b'\\Draft')
# Below 26 in all: more are not on disk (dovecot keeps them in its index).
# Kw1 and kw1 are the same keyword.
KEYWORDS = (b'$Forwarded', b'$MDNSent', b'NonJunk', b'Junk', b'kw1', b'Kw1',
            b'todo', b'later', b'$label1', b'a', b'with-dash', b'x.y')
NAMES = ('Work', 'work', 'Entwürfe', '日本語', 'R&D', 'Sp ace', 'q"uote',
         "it's", 'back\\slash', 'Archive', '2024', 'München & Köln', 'a#b',
         'Long ' + 'name ' * 15 + 'end', 'INBOX', 'tra-iling-')
DOTTED = ('v1.2', '.hidden', 'a..b')

SESSIONS = 4
IDLER = 0       # this session mostly idles


class RandomUser:
    """ops(n) does n operations.  dots: folder names may hold dots, where
    the separator is another one.  avoid: names of folders left alone; only:
    those that are not."""

    def __init__(self, dovecot, user, seed, folders=True, lmtp=True,
                 dots=True, avoid=(), drops=True, only=(), moves=True):
        self.dovecot = dovecot
        self.user = user
        self.seed = seed
        self.avoid = avoid
        self.only = only
        self.rng = random.Random('%s/%s' % (seed, user))
        self.sessions = [None] * SESSIONS
        self.separator = dovecot.separator.encode()
        self.names = [mutf7_encode(n) for n in NAMES]
        if dots and self.separator != b'.':
            self.names += [mutf7_encode(n) for n in DOTTED]
        self.mails = 0
        self.done = collections.Counter()
        self.refused = collections.Counter()
        self.trail = collections.deque(maxlen=200)  # for the failure report
        self.table = [(20, self._append), (25, self._store),
                      (4, self._replace), (6, self._expunge),
                      (4, self._uid_expunge)]
        if moves:
            self.table += [(7, self._copy), (7, self._move)]
        self.table += [(4, self._look), (3, self._idle)]
        if drops:
            self.table += [(6, self._drop)]
        if lmtp and not dovecot.unprivileged:
            self.table += [(14, self._lmtp)]
        if folders:
            self.table += [(5, self._create), (3, self._rename),
                           (2, self._delete), (3, self._subscribe),
                           (2, self._unsubscribe)]

    # Sessions.

    def _session(self, number=None):
        if number is None:
            number = self.rng.randrange(1, SESSIONS)
        imap = self.sessions[number]
        if imap is None or imap.dead:
            imap = self.sessions[number] = self.dovecot.imap(self.user)
        if imap.idling is not None:
            imap.done()
        return imap

    def close(self):
        for imap in self.sessions:
            if imap is not None:
                imap.close()
        self.sessions = [None] * SESSIONS

    def _do(self, imap, *words):
        answer = imap.cmd(*words)
        if answer.status == b'BAD':
            raise ImapError('%r: BAD %r' % (words[:3], answer.text))
        if answer.status == b'NO':
            self.refused[answer.text[:40].decode(errors='replace')] += 1
            # A folder that another session took away at this moment: the
            # server's log says whether it was more than that.
            if b'SERVERBUG' in answer.text and words[0] != b'APPEND' and \
                    words[1:2] not in ((b'COPY',), (b'MOVE',)):
                raise ImapError('%r: %r' % (words[:3], answer.text))
        return answer.status == b'OK'

    # What there is.

    def folders(self, imap, selectable=True):
        names = sorted(name for attributes, _, name in imap.list()
                       if name not in self.avoid and
                       (not self.only or name in self.only) and
                       not (selectable and attributes &
                            {b'\\noselect', b'\\nonexistent'}))
        return names

    def _folder(self, imap):
        # INBOX sees most of it.
        names = self.folders(imap)
        inbox = b'INBOX' in names and self.rng.random() < .3
        return b'INBOX' if inbox else self.rng.choice(names)

    def _open(self):
        """A session with a folder open that holds something, and UIDs."""
        imap = self._session()
        if imap.selected is None or self.rng.random() < .4:
            folder = self._folder(imap)
            if not self._do(imap, b'SELECT', imap.name(folder)):
                imap.selected = None
                return imap, []
            imap.selected = folder
        return imap, imap.uids()

    def _some(self, uids):
        count = min(len(uids), self.rng.choice((1, 1, 1, 2, 3, 8)))
        picked = sorted(self.rng.sample(uids, count))
        return b','.join(b'%d' % uid for uid in picked)

    def _flags(self):
        flags = self.rng.sample(FLAGS, self.rng.choice((0, 1, 1, 2)))
        flags += self.rng.sample(KEYWORDS, self.rng.choice((0, 0, 1, 2)))
        return flags

    def _mail(self, any_bytes=False):
        self.mails += 1
        token = b'pb-%s-%s-%d' % (str(self.seed).encode(),
                                  self.user.encode(), self.mails)
        return random_mail(self.rng, token, any_bytes)

    def _date(self):
        if self.rng.random() < .3:
            return None
        when = time.gmtime(self.rng.randrange(900000000, 1790000000))
        zone = self.rng.choice(('+0000', '+0200', '-0730', '+1245'))
        return time.strftime('%d-%b-%Y %H:%M:%S ', when).encode() + \
            zone.encode()

    # Mail comes in.

    def _append(self):
        imap = self._session()
        flags = [f for f in self._flags() if f != b'\\Deleted']
        words = [b'APPEND', imap.name(self._folder(imap)),
                 b'(' + b' '.join(flags) + b')']
        date = self._date()
        if date:
            words.append(b'"' + date + b'"')
        self._do(imap, *words, bytearray(self._mail()))

    def _lmtp(self):
        self.deliver()

    def deliver(self):
        try:
            self.dovecot.deliver(self.user, self._mail())
        except smtplib.SMTPResponseException as error:
            # 451: the mailbox was being changed; a real MTA comes again.
            if not 400 <= error.smtp_code < 500:
                raise
            self.refused['LMTP %d' % error.smtp_code] += 1

    def _drop(self):
        """As an MDA that knows nothing of Dovecot: tmp/, then new/."""
        imap = self._session()
        folder = self._folder(imap).decode()
        where = self.dovecot.folder_dir(self.user, folder)
        if not os.path.isdir(os.path.join(where, 'tmp')):
            return      # this session's LIST was an old one
        mail = self._mail(any_bytes=True)
        base = '%d.%s_%d.mda' % (1700000000 + self.mails, self.seed,
                                 self.mails)
        if self.rng.random() < .3:
            base += ',S=%d' % len(mail)
        drop(where, base, mail, *self.dovecot.owner(self.user),
             mtime=self.rng.choice((None, 1234567890 + self.mails)))

    # Mail changes.

    def _store(self):
        imap, uids = self._open()
        flags = self._flags()
        if uids and flags:
            self._do(imap, b'UID', b'STORE', self._some(uids),
                     self.rng.choice((b'+', b'-', b'+')) +
                     self.rng.choice((b'FLAGS', b'FLAGS.SILENT')),
                     b'(' + b' '.join(flags) + b')')

    def _replace(self):
        imap, uids = self._open()
        if uids:
            self._do(imap, b'UID', b'STORE', self._some(uids), b'FLAGS',
                     b'(' + b' '.join(self._flags()) + b')')

    def _expunge(self):
        imap, uids = self._open()
        if uids:
            self._do(imap, b'UID', b'STORE', self._some(uids),
                     b'+FLAGS.SILENT', b'(\\Deleted)')
            self._do(imap, b'EXPUNGE')

    def _uid_expunge(self):
        imap, uids = self._open()
        if uids:
            picked = self._some(uids)
            self._do(imap, b'UID', b'STORE', picked, b'+FLAGS.SILENT',
                     b'(\\Deleted)')
            self._do(imap, b'UID', b'EXPUNGE', picked)

    def _copy(self):
        imap, uids = self._open()
        if uids:
            self._do(imap, b'UID', b'COPY', self._some(uids),
                     imap.name(self._folder(imap)))

    def _move(self):
        imap, uids = self._open()
        if uids:
            self._do(imap, b'UID', b'MOVE', self._some(uids),
                     imap.name(self._folder(imap)))

    # Folders.

    def _new_name(self, imap):
        name = self.rng.choice(self.names)
        if self.rng.random() < .5:
            parent = self.rng.choice(self.folders(imap, selectable=False))
            # Three levels are deep enough, and file names are finite.
            if parent.count(self.separator) < 3 and len(parent) < 100:
                name = parent + self.separator + name
        return name

    def _create(self):
        imap = self._session()
        if len(self.folders(imap, selectable=False)) < 25:
            self._do(imap, b'CREATE', imap.name(self._new_name(imap)))

    def _victim(self, imap):
        names = [n for n in self.folders(imap, selectable=False)
                 if n != b'INBOX']
        return self.rng.choice(names) if names else None

    def _rename(self):
        imap = self._session()
        name = self._victim(imap)
        if name is not None:
            self._do(imap, b'RENAME', imap.name(name),
                     imap.name(self._new_name(imap)))

    def _delete(self):
        imap = self._session()
        name = self._victim(imap)
        if name is not None:
            self._do(imap, b'DELETE', imap.name(name))

    def _subscribe(self):
        imap = self._session()
        self._do(imap, b'SUBSCRIBE', imap.name(self._folder(imap)))

    def _unsubscribe(self):
        imap = self._session()
        names = sorted(name for _, _, name in imap.list(subscribed=True))
        if names:
            self._do(imap, b'UNSUBSCRIBE', imap.name(self.rng.choice(names)))

    # Only looking.

    def _look(self):
        imap, uids = self._open()
        if uids:
            self._do(imap, b'UID', b'FETCH', self._some(uids),
                     b'(FLAGS BODY[])')     # sets \Seen
        self._do(imap, b'NOOP')

    def _idle(self):
        imap = self._session(IDLER)
        folder = self._folder(imap)
        if self._do(imap, b'SELECT', imap.name(folder)):
            imap.idle()

    # The loop.

    def op(self):
        weights = [weight for weight, _ in self.table]
        action = self.rng.choices([a for _, a in self.table], weights)[0]
        self.trail.append(action.__name__)
        try:
            action()
            self.done[action.__name__] += 1
        except ImapBye:
            # The folder under it was renamed or deleted; the user logs in
            # again.
            self.done['bye'] += 1

    def marks(self, count):
        """Only changes of mail that is there, where it is."""
        for _ in range(count):
            try:
                self.rng.choice((self._store, self._store, self._replace,
                                 self._uid_expunge))()
            except ImapBye:
                self.done['bye'] += 1

    def ops(self, count):
        for _ in range(count):
            self.op()


def drop(folder, base, mail, uid, gid, mtime=None):
    """Delivers a file to a Maildir folder as the Maildir page says."""
    temporary = os.path.join(folder, 'tmp', base)
    with open(temporary, 'wb') as file:
        file.write(mail)
    if os.geteuid() == 0:
        os.chown(temporary, uid, gid)
    if mtime is not None:
        os.utime(temporary, (mtime, mtime))
    os.rename(temporary, os.path.join(folder, 'new', base))
