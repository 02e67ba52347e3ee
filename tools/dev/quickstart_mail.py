#!/usr/bin/env python3
"""What tools/quickstart needs of mail servers: two Dovecots of its own, on
loopback and in one directory, that run only while this program does.

  quickstart_mail.py DIR open      make both mail accounts, as a first login
  quickstart_mail.py DIR sample    and put sample mail into the first
  quickstart_mail.py DIR use       a new mail, a flag, an expunge, a move
  quickstart_mail.py DIR compare   exit 1 unless both show the same
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', '..', 'tests', 'e2e'))

import compare                                          # noqa: E402
import imapclient                                       # noqa: E402
from dovecot import Dovecot, missing                    # noqa: E402

USER = 'alice'
FOLDERS = ('INBOX', 'Work', 'Work.Plans', 'Archive.2025', 'Entwürfe')
WORDS = ('tide', 'harbour', 'mail', 'packet', 'wind', 'anchor', 'light')


def mail(number):
    size = 3 + number * 7919 % 60
    lines = ['%s %s %d' % (WORDS[(number + i) % 7], WORDS[i * number % 7], i)
             for i in range(size)]
    return ('From: Skipper <skipper@example.org>\r\n'
            'To: Alice <alice@example.org>\r\n'
            'Subject: Log entry %d\r\n'
            'Message-ID: <%d@quickstart.example.org>\r\n'
            'Date: Mon, 3 Nov 2025 %02d:%02d:00 +0000\r\n\r\n%s\r\n' % (
                number, number, number // 60 % 24, number % 60,
                '\r\n'.join(lines))).encode()


def append(imap, folder, number):
    flags = [name for bit, name in enumerate(
        (b'\\Seen', b'\\Answered', b'\\Flagged', b'$Forwarded', b'Todo'))
        if number >> bit & 1]
    imap.append(folder, mail(number), b' '.join(flags))


def sample(imap):
    for at, name in enumerate(FOLDERS):
        folder = imapclient.mutf7_encode(name)
        if name != 'INBOX':
            imap.ok(b'CREATE', imap.name(folder))
            imap.ok(b'SUBSCRIBE', imap.name(folder))
        for number in range(at * 60, at * 60 + 60):
            append(imap, folder, number)


def use(imap):
    append(imap, b'INBOX', 1000)
    imap.select(b'INBOX')
    uids = imap.uids()
    imap.ok(b'UID', b'STORE', b'%d' % uids[0], b'+FLAGS', b'(\\Flagged)')
    if len(uids) > 3:
        imap.ok(b'UID', b'STORE', b'%d' % uids[1], b'+FLAGS', b'(\\Deleted)')
        imap.ok(b'UID', b'EXPUNGE', b'%d' % uids[1])
        imap.cmd(b'CREATE', b'Kept')
        imap.ok(b'UID', b'MOVE', b'%d' % uids[2], b'Kept')


def show_difference(source, target):
    lines = compare.differences(source, target)
    if lines:
        print('over IMAP the two differ:')
        print(compare.report(lines))
        return 1
    messages = [m for f in source.folders.values()
                for m in f.messages.values()]
    print('over IMAP both show the same: %d folders, %d messages, %d bytes; '
          'UIDs, flags, keywords, dates, subscriptions'
          % (len(source.folders), len(messages),
             sum(m.size for m in messages)))
    return 0


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in ('open', 'sample', 'use',
                                                 'compare'):
        print(__doc__, file=sys.stderr)
        return 2
    root, what = sys.argv[1:]
    why = missing()
    if why:
        print('quickstart: %s' % why, file=sys.stderr)
        return 1
    with Dovecot(root, 'aurora') as source, Dovecot(root, 'shore') as target:
        if what == 'compare':
            return show_difference(compare.take(source, USER),
                                   compare.take(target, USER))
        imap = source.imap(USER)
        target.imap(USER).close()
        if what == 'sample':
            sample(imap)
        elif what == 'use':
            use(imap)
        else:
            compare.take(source, USER)      # every folder gets its UIDs
        imap.close()
    return 0


sys.exit(main())
