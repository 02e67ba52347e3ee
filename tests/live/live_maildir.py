"""lib/maildir beside a real Dovecot: what one does, the other sees.

usage: live_maildir.py TOOL

A Dovecot of the test's own, sessions that have the folders open, and
maildir_tool working in the same Maildir.  Checked over IMAP: adds with chosen
UIDs, flags, keywords, expunges, changed UIDs, folders built, renamed and
removed, INBOX given another identity; then everything at once under load.
Dovecot's log must stay clean.  Exits 77 where there is no Dovecot or no root.
"""

import glob
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'e2e'))
import dovecot  # noqa: E402

PATIENCE = 20
LOAD_SECONDS = float(os.environ.get('LIVE_SECONDS', '6'))
MAIL = b'From: a@example.org\r\nSubject: %d\r\n\r\nbody %d\r\n'


class Tool:
    def __init__(self, program, server, user):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        apart = server.control
        self.ok('open', server.maildir(user),
                server.control_dir(user) if apart else '-',
                server.index_dir(user) if apart else '-',
                'fs' if server.layout == 'fs' else 'plusplus',
                server.uid, server.gid)
        self.body = tempfile.NamedTemporaryFile(suffix='.mail')
        os.chmod(self.body.name, 0o644)

    def say(self, *words):
        self.child.stdin.write('\t'.join(str(w) for w in words) + '\n')
        self.child.stdin.flush()
        lines = []
        while True:
            line = self.child.stdout.readline().rstrip('\n')
            if line == 'ok' or line.startswith('error: ') or not line:
                return line, lines
            lines.append(line)

    def ok(self, *words):
        answer, lines = self.say(*words)
        if answer != 'ok':
            raise AssertionError('%r: %s' % (words, answer))
        return lines

    def mail(self, number):
        data = MAIL % (number, number)
        self.body.seek(0)
        self.body.truncate()
        self.body.write(data)
        self.body.flush()
        base = '%d.M%dP%d.writer,S=%d,W=%d' % (
            1600000000 + number, number, os.getpid(), len(data), len(data))
        return base, self.body.name

    def view(self, folder):
        return {line.split('\t')[0]: line.split('\t')[1:]
                for line in self.ok('view', folder)}

    def close(self):
        self.child.stdin.close()
        assert self.child.wait() == 0


def fetched(session):
    """UID -> flags, in lower case and joined, of the selected folder."""
    found = {}
    if not session.uids():
        return found
    for _, item in session.ok(b'UID', b'FETCH', b'1:*',
                              b'(UID FLAGS)').fetches():
        if b'UID' in item:
            found[int(item[b'UID'])] = b' '.join(item[b'FLAGS']).lower()
    return found


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def name(server, path):
    return path.replace('/', server.separator).encode()


def simple(server, tool):
    """One change after another, a session watching."""
    watcher = server.imap('u')
    watcher.select(b'INBOX')
    watcher.append(b'INBOX', MAIL % (1, 1), flags=b'\\Seen')
    watcher.cmd(b'NOOP')

    base, body = tool.mail(50)
    tool.ok('add', 'INBOX', base, 50, 'FS', '$Label1,Work', 1500000000, body)
    watcher.cmd(b'NOOP')
    seen = fetched(watcher)
    check(50 in seen, 'the chosen UID is honoured: %r' % seen)
    check(b'flagged' in seen[50] and b'$label1' in seen[50] and
          b'work' in seen[50], 'flags and keywords: %r' % seen[50])
    status = server.doveadm('-f', 'tab', 'fetch', '-u', 'u',
                            'uid date.received.unixtime', 'mailbox', 'INBOX',
                            'uid', '50').decode()
    check('1500000000' in status, 'INTERNALDATE: %s' % status)

    tool.ok('flags', 'INBOX', base, 'R', 'work,New')
    watcher.cmd(b'NOOP')
    seen = fetched(watcher)
    check(b'answered' in seen[50] and b'new' in seen[50] and
          b'flagged' not in seen[50] and b'label1' not in seen[50],
          'flags again: %r' % seen[50])
    # Twice in one second: Dovecot must read the keywords file again.
    tool.ok('flags', 'INBOX', base, 'R', 'Other')
    watcher.cmd(b'NOOP')
    seen = fetched(watcher)
    check(b'other' in seen[50] and b'unknown' not in seen[50],
          'keywords in one second: %r' % seen[50])

    tool.ok('uid', 'INBOX', base, 70)
    watcher.cmd(b'NOOP')
    seen = fetched(watcher)
    check(70 in seen and 50 not in seen, 'a changed UID: %r' % seen)
    watcher.append(b'INBOX', MAIL % (2, 2))
    watcher.cmd(b'NOOP')
    check(71 in fetched(watcher), 'Dovecot goes on above')

    tool.ok('expunge', 'INBOX', base)
    watcher.cmd(b'NOOP')
    check(70 not in fetched(watcher), 'expunged')
    trash = glob.glob(server.maildir('u') + '/cur/.packetboat/trash/*/INBOX/'
                      'cur/' + glob.escape(base) + '*')
    check(len(trash) == 1, 'in the trash: %r' % trash)
    answer, _ = tool.say('add', 'INBOX', base, 60, '-', '-', 1, body)
    check(answer.startswith('error: -5'), 'UID below UIDNEXT: ' + answer)
    watcher.close()


def folders(server, tool):
    guid = '0123456789abcdef0123456789abcdef'
    base, body = tool.mail(7)
    tool.ok('build', 'Arch/2026', 1795000000, 42, guid, base, 7, 'S', 'Kw',
            1500000001, body)
    session = server.imap('u')
    session.select(name(server, 'Arch/2026'))
    seen = fetched(session)
    check(list(seen) == [7] and b'kw' in seen[7], 'built: %r' % seen)
    session.append(name(server, 'Arch/2026'), MAIL % (8, 8))
    session.cmd(b'NOOP')
    check(42 in fetched(session), 'UIDNEXT as given')
    status = server.doveadm('-f', 'tab', 'mailbox', 'status', '-u', 'u',
                            'guid uidvalidity', 'Arch' + server.separator +
                            '2026').decode()
    check(guid in status and '1795000000' in status, status)
    session.ok(b'CREATE', name(server, 'Later'))
    later = session.status(name(server, 'Later'))
    check(int(later[b'UIDVALIDITY']) > 1795000000,
          'the counter was raised: %r' % later)

    tool.ok('rename', 'Arch', 'Old/Place')
    session.close()
    session = server.imap('u')
    session.select(name(server, 'Old/Place/2026'))
    check(sorted(fetched(session)) == [7, 42], 'renamed')
    tool.ok('subscribe', 'Old/Place/2026', 1)
    check(b'2026' in repr(session.list(b'*', subscribed=True)).encode(),
          'subscribed')
    tool.ok('subscribe', 'Old/Place/2026', 0)
    check(b'2026' not in repr(session.list(b'*', subscribed=True)).encode(),
          'unsubscribed')
    session.close()
    tool.ok('remove', 'Old/Place/2026')
    session = server.imap('u')
    check(b'2026' not in repr(session.list()).encode(), 'removed')
    session.ok(b'CREATE', name(server, 'Old/Place/2026'))
    status = server.doveadm('-f', 'tab', 'mailbox', 'status', '-u', 'u',
                            'messages uidnext', 'Old' + server.separator +
                            'Place' + server.separator + '2026').decode()
    check(status.split()[-2:] == ['0', '1'], 'a new folder: %s' % status)
    session.close()


def index_open(home):
    """Whether some process has an index log below home open."""
    for fd in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            path = os.readlink(fd)
        except OSError:
            continue
        if path.startswith(home + '/') and path.endswith('.index.log'):
            return True
    return False


def identity(server, tool):
    """INBOX takes over another UIDVALIDITY while nobody has it open."""
    # The last session's process closes its files after LOGOUT was answered.
    end = time.monotonic() + PATIENCE
    while index_open(server.home('u')):
        check(time.monotonic() < end, 'an index stays open')
        time.sleep(0.01)
    tool.ok('identity', 'INBOX', 1796000000, 500, 'ab' * 16)
    session = server.imap('u')
    session.select(b'INBOX')
    session.append(b'INBOX', MAIL % (3, 3))
    session.cmd(b'NOOP')
    check(500 in fetched(session), 'UIDNEXT of the new identity')
    status = server.doveadm('-f', 'tab', 'mailbox', 'status', '-u', 'u',
                            'guid uidvalidity', 'INBOX').decode()
    check('ab' * 16 in status and '1796000000' in status, status)
    session.close()


def client(server, seed, stop, mine, failures):
    """Appends, stores and expunges; keeps what must be there at the end."""
    rng = random.Random(seed)
    try:
        session = server.imap('load')
        session.select(b'INBOX')
        number = seed * 100000
        while not stop.is_set():
            number += 1
            reply = session.append(b'INBOX', MAIL % (number, number))
            uid = int(reply.code(b'APPENDUID').split()[1])
            mine[uid] = number
            session.cmd(b'NOOP')
            victim = rng.choice(list(mine))
            session.ok(b'UID', b'STORE', b'%d' % victim,
                       rng.choice([b'+FLAGS', b'-FLAGS']),
                       rng.choice([b'(\\Flagged)', b'(\\Answered)',
                                   b'($Kw%d)' % rng.randrange(6)]))
            if len(mine) > 20:
                victim = rng.choice(list(mine))
                session.ok(b'UID', b'STORE', b'%d' % victim, b'+FLAGS',
                           b'(\\Deleted)')
                session.ok(b'UID', b'EXPUNGE', b'%d' % victim)
                del mine[victim]
        session.close()
    except Exception as error:  # pylint: disable=broad-except
        failures.append('client %d: %r' % (seed, error))


def load(server, program):
    """The tool against four sessions, in one folder."""
    first = server.imap('load')
    first.append(b'INBOX', MAIL % (0, 0))
    first.close()
    tool = Tool(program, server, 'load')
    stop = threading.Event()
    failures = []
    mine = [{} for _ in range(4)]
    threads = [threading.Thread(target=client,
                                args=(server, i + 1, stop, mine[i], failures))
               for i in range(4)]
    for thread in threads:
        thread.start()
    rng = random.Random(9)
    ours = {}
    number = 0
    end = time.monotonic() + LOAD_SECONDS
    conflicts = 0
    while time.monotonic() < end:
        number += 1
        base, body = tool.mail(number)
        # Somebody may take the UID meanwhile: then it is refused.
        uid = 1 + max([int(v[0]) for v in tool.view('INBOX').values()] + [0])
        uid += rng.randrange(3)
        answer, _ = tool.say('add', 'INBOX', base, uid, 'S', 'Ours', 1500000000,
                             body)
        if answer == 'ok':
            ours[base] = uid
        else:
            check(answer.startswith('error: -5'), answer)
            conflicts += 1
        if not ours:
            continue
        pick = rng.choice(list(ours))
        what = rng.randrange(3)
        if what == 0:
            tool.ok('flags', 'INBOX', pick, rng.choice(['S', 'FS', 'RS']),
                    rng.choice(['Ours', 'Ours,$Kw1', 'Ours,K%d' %
                                rng.randrange(8)]))
        elif what == 1:
            tool.ok('uid', 'INBOX', pick, 0)
            ours[pick] = 0
        elif len(ours) > 10:
            tool.ok('expunge', 'INBOX', pick)
            del ours[pick]
    stop.set()
    for thread in threads:
        thread.join()
    check(not failures, failures)
    session = server.imap('load')
    session.select(b'INBOX')
    seen = fetched(session)
    view = tool.view('INBOX')
    check(len(seen) == len(view), 'IMAP shows %d, the view %d' %
          (len(seen), len(view)))
    check(sorted(seen) == sorted(int(v[0]) for v in view.values()),
          'the same UIDs')
    for uids in mine:
        for uid in uids:
            check(uid in seen, 'UID %d of a client is lost' % uid)
    for base, uid in ours.items():
        check(base in view, 'ours is lost: ' + base)
        check(uid in (0, int(view[base][0])), 'another UID: ' + base)
        check('Ours' in view[base][2], 'a keyword is lost: ' + base)
    session.close()
    tool.close()
    print('  load: %d adds, %d refused, %d mails at the end' %
          (number - conflicts, conflicts, len(seen)))


def run(program, root, layout, control):
    label = 'maildir++' if layout != 'fs' else 'fs'
    print('%s%s' % (label, ', control and index apart' if control else ''))
    with dovecot.Dovecot(root, name=label[0] + str(int(control)),
                         layout=layout, control=control,
                         index=control) as server:
        server.imap('u').close()
        session = server.imap('u')
        session.select(b'INBOX')
        session.close()
        tool = Tool(program, server, 'u')
        for step in (simple, folders, identity):
            step(server, tool)
            bad = server.complaints()
            check(not bad, '%s: %s' % (step.__name__, bad))
        tool.close()
        load(server, program)
        bad = server.complaints()
        check(not bad, 'load: %s' % bad)


def main():
    if os.geteuid() != 0 or dovecot.missing():
        print('skipped: %s' % (dovecot.missing() or 'not root'))
        return 77
    with tempfile.TemporaryDirectory(prefix='pb-live-') as root:
        for layout in ('maildir++', 'fs'):
            for control in (False, True):
                run(sys.argv[1], root, layout, control)
    return 0


if __name__ == '__main__':
    sys.exit(main())
