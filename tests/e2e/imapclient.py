"""A small raw IMAP client: every response is kept, nothing is interpreted
behind the test's back.

A response line is read together with its literals and parsed to nested lists:

    * 4 FETCH (UID 7 FLAGS (\\Seen) BODY[] {3}CRLFabc)
    [b'4', b'FETCH', [b'UID', b'7', b'FLAGS', [b'\\Seen'], b'BODY[]', b'abc']]

Atoms, quoted strings and literals all become bytes, NIL becomes None.  A
quoted "NIL" stays b'NIL'.  imaplib is not used: it guesses where literals end
up, has no IDLE, and hides untagged responses that the tests want to see.
"""

import base64
import re
import select
import socket
import time


class ImapError(Exception):
    """The server said NO or BAD, or something that is not IMAP."""


class ImapBye(ImapError):
    """The server ended the session."""


def mutf7_encode(name):
    """Modified UTF-7 (RFC 3501 section 5.1.3) of a str, as bytes."""
    out = bytearray()
    wide = ''

    def flush():
        nonlocal wide
        if wide:
            b64 = base64.b64encode(wide.encode('utf-16-be')).rstrip(b'=')
            out.extend(b'&' + b64.replace(b'/', b',') + b'-')
            wide = ''

    for char in name:
        if 0x20 <= ord(char) <= 0x7e:
            flush()
            out.extend(b'&-' if char == '&' else char.encode())
        else:
            wide += char
    flush()
    return bytes(out)


def quote(value):
    """A quoted string, or None where only a literal will do."""
    if any(c in b'\r\n\0' or c > 0x7e for c in value):
        return None
    return b'"' + value.replace(b'\\', b'\\\\').replace(b'"', b'\\"') + b'"'


class _Parser:
    def __init__(self, parts):
        self.parts = parts      # bytes: text; ('literal', bytes)
        self.part = 0
        self.pos = 0

    def _text(self):
        return self.parts[self.part]

    def _more(self):
        """Steps to the next part at the end of one; False at the end."""
        while self.pos >= len(self._text()):
            if self.part + 1 >= len(self.parts):
                return False
            self.part += 1
            self.pos = 0
            if isinstance(self._text(), tuple):
                return True
        return True

    def items(self, closing=False):
        out = []
        while self._more():
            text = self._text()
            if isinstance(text, tuple):
                out.append(text[1])
                self.part += 1
                self.pos = 0
                if self.part >= len(self.parts):
                    break
                continue
            char = text[self.pos:self.pos + 1]
            if char == b' ':
                self.pos += 1
            elif char == b'(':
                self.pos += 1
                out.append(self.items(closing=True))
            elif char == b')':
                if not closing:
                    raise ImapError('stray ) in %r' % (self.parts,))
                self.pos += 1
                return out
            elif char == b'"':
                out.append(self._quoted())
            else:
                out.append(self._atom())
        if closing:
            raise ImapError('missing ) in %r' % (self.parts,))
        return out

    def _quoted(self):
        text = self._text()
        match = re.compile(rb'"((?:[^"\\]|\\.)*)"').match(text, self.pos)
        if not match:
            raise ImapError('open quote in %r' % text)
        self.pos = match.end()
        return re.sub(rb'\\(.)', rb'\1', match.group(1))

    def _atom(self):
        # BODY[HEADER.FIELDS (X)]<0> is one atom, brackets and all.
        text = self._text()
        match = re.compile(rb'(?:\[[^\]]*\]|[^ ()\[\]"]|\])+').match(
            text, self.pos)
        if not match:
            raise ImapError('no atom at %d in %r' % (self.pos, text))
        self.pos = match.end()
        word = match.group(0)
        return None if word.upper() == b'NIL' else word


class Response:
    """What one command brought: status, its text, untagged lines parsed."""

    def __init__(self, status, text, untagged):
        self.status = status
        self.text = text
        self.untagged = untagged

    def code(self, name):
        """The words of response code [name ...] in any line, or None."""
        for text in [self.text] + [u.text for u in self.untagged]:
            match = re.match(rb'\[' + name + rb'(?: ([^\]]*))?\]', text)
            if match:
                return match.group(1) or b''
        return None

    def fetches(self):
        """Every FETCH of this response as (sequence number, dict)."""
        for line in self.untagged:
            if len(line.items) == 3 and line.items[1] == b'FETCH':
                pairs = line.items[2]
                yield int(line.items[0]), dict(zip(pairs[::2], pairs[1::2]))


class Untagged:
    """One untagged response; text is what stands after OK, NO, BAD, BYE."""

    def __init__(self, parts):
        first = parts[0]
        words = first.split(b' ', 1)
        self.kind = words[0].upper()
        self.text = b''
        self.items = []
        if self.kind in (b'OK', b'NO', b'BAD', b'BYE', b'PREAUTH'):
            self.text = words[1] if len(words) > 1 else b''
            self.items = [self.kind]
        else:
            self.items = _Parser(parts).items()
            if len(self.items) > 1 and words[0].isdigit():
                self.kind = self.items[1]

    def __repr__(self):
        return '<%r %r %r>' % (self.kind, self.text, self.items)


class Imap:
    """One session.  Every command waits for its tagged answer."""

    def __init__(self, port, user, password='pw', host='127.0.0.1',
                 timeout=60):
        self.sock = socket.create_connection((host, port), timeout)
        self.timeout = timeout
        self.buf = bytearray()
        self.tag = 0
        self.selected = None
        self.idling = None
        self.loose = []         # untagged lines that no command asked for
        self.dead = False
        greeting = self._line()
        if not greeting[0].startswith(b'* OK'):
            raise ImapError('greeting %r' % (greeting,))
        self.ok(b'LOGIN', user.encode(), password.encode())

    # Bytes in.

    def _fill(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b''  # closed with our command unread
        if not data:
            self.dead = True
            raise ImapBye('connection closed; before that: %r'
                          % (self.loose[-3:],))
        self.buf += data

    def _line(self):
        """One response with its literals: [text, ('literal', data), ...]"""
        parts = []
        while True:
            while (end := self.buf.find(b'\r\n')) < 0:
                self._fill()
            text = bytes(self.buf[:end])
            del self.buf[:end + 2]
            parts.append(text)
            match = re.search(rb'\{(\d+)\}$', text)
            if not match:
                return parts
            parts[-1] = text[:match.start()]
            size = int(match.group(1))
            while len(self.buf) < size:
                self._fill()
            parts.append(('literal', bytes(self.buf[:size])))
            del self.buf[:size]

    # Commands out.

    def _send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.dead = True
            raise ImapBye('connection closed')

    def cmd(self, *words):
        """Sends words (bytes; bytearray goes out as a literal)."""
        assert self.idling is None
        self.tag += 1
        tag = b'a%d' % self.tag
        line = tag
        untagged = []
        for word in words:
            if isinstance(word, bytearray):
                line += b' {%d}\r\n' % len(word)
                self._send(line)
                answer = self._until_plus(tag, untagged)
                if answer is not None:
                    return answer
                line = bytes(word)
            else:
                line += b' ' + word
        self._send(line + b'\r\n')
        return self._finish(tag, untagged)

    def _until_plus(self, tag, untagged):
        while True:
            parts = self._line()
            if parts[0].startswith(b'+'):
                return None
            if parts[0].startswith(tag + b' '):
                return self._tagged(parts[0], untagged)
            self._untagged(parts, untagged)

    def _untagged(self, parts, untagged):
        if not parts[0].startswith(b'* '):
            raise ImapError('unexpected %r' % (parts,))
        line = Untagged([parts[0][2:]] + parts[1:])
        untagged.append(line)
        if line.kind == b'BYE':
            self.loose.append(line)

    def _tagged(self, text, untagged):
        words = text.split(b' ', 2)
        return Response(words[1], words[2] if len(words) > 2 else b'',
                        untagged)

    def _finish(self, tag, untagged):
        while True:
            parts = self._line()
            if parts[0].startswith(tag + b' '):
                return self._tagged(parts[0], untagged)
            self._untagged(parts, untagged)

    def ok(self, *words):
        """As cmd, but anything except OK is an error."""
        answer = self.cmd(*words)
        if answer.status != b'OK':
            raise ImapError('%r: %r %r' % (words[:3], answer.status,
                                           answer.text))
        return answer

    @staticmethod
    def name(folder):
        """A folder name on the wire; folder is mUTF-7 bytes."""
        quoted = quote(folder)
        return bytearray(folder) if quoted is None else quoted

    # What the tests do most.

    def select(self, folder, examine=False):
        self.selected = None
        answer = self.ok(b'EXAMINE' if examine else b'SELECT',
                         self.name(folder))
        self.selected = folder
        return answer

    def append(self, folder, mail, flags=b'', date=None):
        words = [b'APPEND', self.name(folder), b'(' + flags + b')']
        if date is not None:
            words.append(b'"' + date + b'"')
        return self.cmd(*words, bytearray(mail))

    def list(self, pattern=b'*', subscribed=False):
        """[(set of attributes, separator, name)]"""
        answer = self.ok(b'LSUB' if subscribed else b'LIST', b'""',
                         self.name(pattern))
        return [(frozenset(a.lower() for a in line.items[1]), line.items[2],
                 line.items[3])
                for line in answer.untagged
                if line.kind == (b'LSUB' if subscribed else b'LIST')]

    def status(self, folder, what=b'MESSAGES UIDNEXT UIDVALIDITY'):
        answer = self.ok(b'STATUS', self.name(folder), b'(' + what + b')')
        for line in answer.untagged:
            if line.kind == b'STATUS':
                pairs = line.items[2]
                return dict(zip(pairs[::2], pairs[1::2]))
        raise ImapError('no STATUS in %r' % answer.untagged)

    def uids(self):
        answer = self.ok(b'UID', b'SEARCH', b'ALL')
        for line in answer.untagged:
            if line.kind == b'SEARCH':
                return [int(u) for u in line.items[1:]]
        return []

    # IDLE.

    def idle(self):
        self.tag += 1
        self.idling = b'a%d' % self.tag
        self._send(self.idling + b' IDLE\r\n')
        answer = self._until_plus(self.idling, self.loose)
        if answer is not None:
            self.idling = None
            raise ImapError('IDLE: %r' % answer.text)

    def idle_lines(self, seconds):
        """Untagged lines that come within so many seconds."""
        out = []
        end = time.monotonic() + seconds
        while True:
            while b'\r\n' in self.buf:
                self._untagged(self._line(), out)
            left = end - time.monotonic()
            if left <= 0:
                return out
            if select.select([self.sock], [], [], left)[0]:
                self._fill()

    def done(self):
        tag, self.idling = self.idling, None
        self._send(b'DONE\r\n')
        untagged = []
        self._finish(tag, untagged)
        return untagged

    def close(self):
        """Ends the session, politely while it lives."""
        try:
            if not self.dead:
                if self.idling is not None:
                    self.done()
                self.cmd(b'LOGOUT')
        except (ImapError, OSError):
            pass
        self.dead = True
        self.sock.close()
