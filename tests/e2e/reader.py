"""A client that reads at the target while the applier works there.

It selects and examines folders, fetches, idles, and hands all it sees to a
watcher; or it stays in one folder all the time, as mail programs do with
INBOX.  It writes nothing.  BYE and a folder that just went are part of
life; BAD, SERVERBUG and a message below UIDNEXT are not.
"""

import random
import threading

from compare import Watcher, digest
from imapclient import ImapBye, ImapError


class Reader(threading.Thread):
    def __init__(self, dovecot, user, seed, stay=None):
        super().__init__(daemon=True)
        self.dovecot = dovecot
        self.user = user
        self.stay = stay        # a folder, or None: here and there
        self.rng = random.Random('reader/%s' % seed)
        self.watcher = Watcher()
        self.complaints = []
        self.visits = 0
        self._ending = threading.Event()

    def run(self):
        imap = None
        while not self._ending.is_set():
            try:
                if imap is None or imap.dead:
                    imap = self.dovecot.imap(self.user)
                self._visit(imap)
                self.visits += 1
            except ImapBye:
                imap = None
            except (ImapError, OSError, KeyError, ValueError) as error:
                self.complaints.append('reader: %r' % error)
                if imap is not None:
                    imap.close()
                imap = None
                self._ending.wait(0.2)
        if imap is not None:
            imap.close()

    def stop(self):
        self._ending.set()
        self.join()
        return self.complaints + self.watcher.complaints

    def _gone(self, answer):
        """A folder may go at any time; nothing else may go wrong."""
        if answer.status == b'BAD' or b'SERVERBUG' in answer.text:
            raise ImapError('%r %r' % (answer.status, answer.text))
        return answer.status == b'NO'

    def _guid(self, imap, name):
        answer = imap.cmd(b'STATUS', imap.name(name), b'(X-GUID)')
        if self._gone(answer):
            return None
        return [line.items[2][1] for line in answer.untagged
                if line.kind == b'STATUS'][0]

    def _choose(self, imap):
        if self.stay is not None:
            return self.stay
        names = [name for attributes, _, name in imap.list()
                 if not attributes & {b'\\noselect', b'\\nonexistent'}]
        return self.rng.choice(sorted(names))

    def _visit(self, imap):
        name = self._choose(imap)
        before = self._guid(imap, name)
        verb = self.rng.choice((b'SELECT', b'EXAMINE'))
        answer = imap.cmd(verb, imap.name(name))
        if before is None or self._gone(answer):
            return
        uidvalidity = int(answer.code(b'UIDVALIDITY'))
        uidnext = int(answer.code(b'UIDNEXT'))
        seen = self._fetch(imap, None, None)
        looks = self.rng.randrange(4)
        while looks > 0 or self.stay is not None:
            looks -= 1
            if self._ending.is_set():
                break
            if self.rng.random() < .3:
                imap.idle()
                imap.idle_lines(0.4)
                imap.done()
            else:
                self._ending.wait(0.05)
                imap.ok(b'NOOP')
            seen.update(self._fetch(imap, seen, uidnext))
        if self._guid(imap, name) != before:
            return      # another folder took the name meanwhile
        for uid, content in seen.items():
            self.watcher.message(before, uidvalidity, uid, content)

    def _fetch(self, imap, known, uidnext):
        """{UID: digest} of what is not known yet."""
        new = {}
        uids = [uid for uid in imap.uids() if not known or uid not in known]
        if known is not None:
            low = [uid for uid in uids if uid < uidnext]
            if low:
                self.complaints.append(
                    'reader: %r: UIDs %r appeared below UIDNEXT %d' % (
                        imap.selected, low, uidnext))
        for start in range(0, len(uids), 50):
            some = b','.join(b'%d' % uid for uid in uids[start:start + 50])
            answer = imap.cmd(b'UID', b'FETCH', some, b'(UID BODY.PEEK[])')
            if self._gone(answer):
                continue    # expunged under it: NO [EXPUNGEISSUED]
            for _, values in answer.fetches():
                if values.get(b'BODY[]') is not None:
                    new[int(values[b'UID'])] = digest(values[b'BODY[]'])
        return new
