#!/usr/bin/env python3
"""The writer beside a live Dovecot and a random user: after each round the
logs, read back as text and merged here, say what a client sees.

    live.py once|follow [--seed N] [--rounds N] [--ops N]

With follow, what a round did has to be in the logs a second after it.
Exit 77: cannot run here.
"""

import argparse
import os
import re
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))

import compare                                          # noqa: E402
import dovecot as dovecot_module                        # noqa: E402
from dovecot import Dovecot                             # noqa: E402
from packetboat import Site, account_of                 # noqa: E402
from randomuser import RandomUser                       # noqa: E402
from replay import Replay                               # noqa: E402

SKIP = 77
USER = 'alice'
DURABLE_SECONDS = 1.0
MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()


def utc(date):
    """INTERNALDATE as the logs print it."""
    day, month, year, clock, sign, hours, minutes = re.fullmatch(
        rb' ?(\d+)-(\w+)-(\d+) (\S+) ([+-])(\d\d)(\d\d)', date).groups()
    stamp = time.strptime('%s %d %s %s' % (
        year.decode(), MONTHS.index(month.decode()) + 1, day.decode(),
        clock.decode()), '%Y %m %d %H:%M:%S')
    import calendar
    offset = (int(hours) * 60 + int(minutes)) * 60
    seconds = calendar.timegm(stamp) - (offset if sign == b'+' else -offset)
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))


def differences(picture, replay):
    mail, lines = replay.mail()
    shown = {b'/'.join(name): folder
             for name, folder in picture.folders.items()
             if b'\\noselect' not in folder.attributes}
    for path in sorted(set(shown) ^ set(mail)):
        lines.append('folder %r only %s' % (
            path, 'in the mail' if path in shown else 'in the logs'))
    for path in sorted(set(shown) & set(mail)):
        there = {uid: (m.flags, m.keywords, utc(m.date))
                 for uid, m in shown[path].messages.items()}
        logged = {uid: m[:3] for uid, m in mail[path].items()}
        for uid in sorted(set(there) | set(logged)):
            if there.get(uid) != logged.get(uid):
                lines.append('%r UID %d: mail %s, logs %s' % (
                    path, uid, there.get(uid), logged.get(uid)))
    subscribed = {b'/'.join(name) for name in picture.subscriptions}
    for path in sorted(subscribed ^ replay.subscriptions()):
        lines.append('subscription of %r only %s' % (
            path, 'in the mail' if path in subscribed else 'in the logs'))
    return lines


def run(args, directory):
    dovecot = Dovecot(directory, 'a', unprivileged=os.geteuid() != 0)
    dovecot.start()
    site = user = None
    try:
        user = RandomUser(dovecot, USER, args.seed)
        user.ops(5)
        site = Site(directory, 'a', {USER: account_of(dovecot, USER)})
        site.init()
        site.run('write', '--once')
        if args.how == 'follow':
            site.follow('write')
            time.sleep(2)
        for number in range(args.rounds):
            user.ops(args.ops)
            # Looking gives mail in new/ its UID.
            picture = compare.take(dovecot, USER)
            if args.how == 'follow':
                time.sleep(DURABLE_SECONDS)
                site.following()
            else:
                site.run('write', '--once')
            lines = differences(picture, Replay(
                site.command()[0], site.config, site.state, USER))
            if lines:
                raise AssertionError('round %d:\n%s\nthe user did: %s' % (
                    number, '\n'.join(lines[:40]), ' '.join(user.trail)))
        if args.how == 'follow':
            site.stop()
        complaints = dovecot.complaints((Dovecot.MOVED_BACK,))
        if complaints:
            raise AssertionError('Dovecot complains:\n' +
                                 '\n'.join(complaints[:20]))
        print('%d rounds equal; the user did %s' % (
            args.rounds, dict(user.done)))
    finally:
        for end in (user and user.close, site and site.stop, dovecot.stop):
            if end:
                end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('how', choices=('once', 'follow'))
    parser.add_argument('--seed', type=int, default=time.time_ns() % 1000000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--ops', type=int, default=60)
    args = parser.parse_args()
    why = dovecot_module.missing()
    if not why and os.geteuid() != 0:
        why = 'Dovecot with LMTP has to be started by root'
    if why:
        print('skipped:', why)
        return 1 if os.environ.get('CI') == 'true' else SKIP
    directory = tempfile.mkdtemp(prefix='packetboat-writer-')
    os.chmod(directory, 0o755)
    try:
        run(args, directory)
    except Exception:   # noqa: BLE001: whatever it was, say where to look
        traceback.print_exc()
        print('seed %d, directory %s' % (args.seed, directory))
        return 1
    import shutil
    shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
