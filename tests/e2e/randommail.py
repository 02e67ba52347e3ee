"""Random mails, each with a token that nothing else carries.

The token stands in Message-ID and in the body (in the body alone where the
mail has no header at all), so that a mail can be told from every other one,
whatever happens to its name and UID.
"""

import time

WORDS = ('harbour', 'Fähre', 'ship', 'паром', 'tide', 'pilot', '港', 'quay',
         'mooring', 'log', 'wind', 'boat')


def _size(rng):
    """0.1 to 300 kB, each order of magnitude as likely."""
    return int(100 * 3000 ** rng.random())


def _text(rng, size, encoding, newline):
    lines = []
    length = 0
    while length < size:
        line = ' '.join(rng.choice(WORDS) for _ in range(rng.randint(0, 12)))
        line = line.encode(encoding, 'replace')
        lines.append(line)
        length += len(line) + len(newline)
    return newline.join(lines) + newline


def _headers(rng, token, newline):
    lines = [
        b'Message-ID: <%s@packetboat.example>' % token,
        b'From: "R\xc3\xa4t, The" <from@example.org>',
        b'To: undisclosed-recipients:;',
        b'Subject: %s %s' % (rng.choice(WORDS).encode(), token),
        b'Date: %s' % time.strftime(
            '%a, %d %b %Y %H:%M:%S +0000',
            time.gmtime(rng.randrange(800000000, 1700000000))).encode(),
    ]
    odd = rng.randrange(8)
    if odd == 0:
        lines.append(b'X-Folded: one' + newline + b'\ttwo' + newline +
                     b' three')
    elif odd == 1:
        lines.append(b'X-Long: ' + b'x' * rng.randrange(2000, 9000))
    elif odd == 2:
        lines.append(b'this line has no colon')
    elif odd == 3:
        lines.append(b'X-Latin: \xe4\xf6\xfc\xdf')
    elif odd == 4:
        lines.append(b'MESSAGE-ID: <second-%s@example>' % token)
    elif odd == 5:
        lines.append(b'Empty:')
    rng.shuffle(lines)
    return newline.join(lines) + newline


def random_mail(rng, token, any_bytes=False):
    """One mail as bytes.  any_bytes allows what IMAP cannot APPEND but an
    MDA may write: NUL, mixed line ends."""
    newline = rng.choice((b'\r\n', b'\r\n', b'\n'))
    shape = rng.randrange(12)
    headers = _headers(rng, token, newline)
    mark = b'token ' + token + newline
    if shape == 0:
        return headers + newline + mark             # next to no body
    if shape == 1:
        return headers                              # not even the empty line
    if shape == 2:
        return newline + mark + b'no header at all'     # no last line end
    if shape == 3:
        return headers + newline + mark + b'.' + newline + b'..' + newline
    encoding = 'latin-1' if shape == 4 else 'utf-8'
    body = mark + _text(rng, _size(rng), encoding, newline)
    if shape == 5:
        body += bytes(rng.randrange(1, 256) for _ in range(400))
    if any_bytes and shape == 6:
        body += b'nul \0 and lone \r and \n\r mixed \r\n'
    if shape == 7:
        body = body.rstrip(b'\r\n')
    return headers + newline + body
