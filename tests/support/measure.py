"""Maildirs of some size, two sites that exchange one, and what it takes:
seconds, bytes, memory.  For tests/limits and tests/bench."""

import os
import random
import resource
import shutil
import subprocess
import tarfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CORPUS = os.path.join(ROOT, '..', 'shared', 'corpus', 'spamassassin.tar.zst')
TIME = 1030000000
POLL_SECONDS = 0.005
STACK = 2 << 20
VALIDITY = 1700000000


class MeasureError(Exception):
    pass


# ---- mail ----

class Folder:
    """A Maildir folder, filled once and in order, with Dovecot's files."""

    def __init__(self, root, name=None):
        self.path = os.path.join(root, '.' + name) if name else root
        self.count = 0
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(self.path, part), mode=0o700)
        if name:
            open(os.path.join(self.path, 'maildirfolder'), 'w').close()
        self.uidlist = open(os.path.join(self.path, 'dovecot-uidlist'), 'w')
        # Room for the number that is known at the end.
        self.head = '3 V%d N%%010d G%s\n' % (
            VALIDITY, format(random.Random(name).getrandbits(128), '032x'))
        self.uidlist.write(self.head % 1)

    def add(self, body, letters='S'):
        """body: bytes, or an open file and its size."""
        self.count += 1
        when = TIME + 60 * self.count
        size = len(body)
        base = '%d.M%06dP7.test,S=%d,W=%d' % (
            when, self.count % 1000000, size, size + body.count(b'\n'))
        path = os.path.join(self.path, 'cur', '%s:2,%s' % (base, letters))
        with open(path, 'wb') as file:
            file.write(body)
        os.utime(path, (when, when))
        self.uidlist.write('%d :%s\n' % (self.count, base))
        return base

    def close(self):
        self.uidlist.seek(0)
        self.uidlist.write(self.head % (self.count + 1))
        self.uidlist.close()


def fill_corpus(root):
    """The 3,000 mails of the corpus; 1 of 3 was not read."""
    with subprocess.Popen(['zstd', '-dcq', CORPUS],
                          stdout=subprocess.PIPE) as zstd:
        folders = {}
        with tarfile.open(fileobj=zstd.stdout, mode='r|') as tar:
            for member in tar:
                if not member.isfile():
                    continue
                kind = os.path.dirname(member.name).strip('./')
                if kind not in folders:
                    folders[kind] = Folder(root, kind if folders else None)
                folder = folders[kind]
                folder.add(tar.extractfile(member).read(),
                           'S' if folder.count % 3 else '')
    for folder in folders.values():
        folder.close()
    if zstd.returncode:
        raise MeasureError('%s: zstd: %d' % (CORPUS, zstd.returncode))


class Writers:
    """People who write to each other, in words of their own making."""

    def __init__(self, seed):
        self.rng = random.Random('writers/%s' % seed)
        syllables = [a + b for a in 'bcdfglmnprstvwz' for b in
                     ('a', 'e', 'i', 'o', 'u', 'an', 'er', 'in', 'on', 'st')]
        self.words = [''.join(self.rng.choices(syllables, k=k))
                      for k in (1, 1, 2, 2, 2, 3, 3, 4) for _ in range(500)]
        self.rng.shuffle(self.words)
        self.people = ['%s@%s.example' % tuple(self.rng.sample(self.words, 2))
                       for _ in range(60)]
        self.last = ['']

    def line(self):
        line = []
        while sum(map(len, line)) + len(line) < 66:
            # few words are common, many are rare
            line.append(self.words[int(len(self.words) *
                                       self.rng.random() ** 5)])
        return ' '.join(line)

    def mail(self, number):
        rng = self.rng
        writer, reader = rng.sample(self.people, 2)
        token = format(rng.getrandbits(64), '016x')
        date = time.strftime('%a, %d %b %Y %H:%M:%S +0000',
                             time.gmtime(TIME + 60 * number))
        text = [self.line() for _ in range(int(rng.expovariate(1 / 25)) + 3)]
        if rng.random() < 0.4:
            text = ['> ' + line for line in rng.choice(self.last)] + [
                ''] + text
        self.last = self.last[-20:] + [text]
        head = ['Return-Path: <%s>' % writer,
                'Received: from mx%d.%s (mx [192.0.2.%d])' % (
                    rng.randrange(4), writer.partition('@')[2],
                    rng.randrange(250)),
                '\tby mail.example (Postfix) with ESMTP id %s' % token[:10],
                '\tfor <%s>; %s' % (reader, date),
                'From: <%s>' % writer, 'To: <%s>' % reader,
                'Subject: ' + self.line()[:rng.randrange(10, 60)],
                'Date: ' + date,
                'Message-ID: <%s@%s>' % (token, writer.partition('@')[2]),
                'MIME-Version: 1.0',
                'Content-Type: text/plain; charset="us-ascii"', '']
        return ('\n'.join(head + text) + '\n').encode()


def fill_made(root, count, seed=1):
    writers = Writers(seed)
    folder = Folder(root)
    for i in range(count):
        folder.add(writers.mail(i), 'S' if i % 3 else '')
    folder.close()


def fill_tiny(root, count, big=0):
    """Many mails of few bytes, and one of `big`, not to be compressed."""
    folder = Folder(root)
    for i in range(count):
        folder.add(b'a: %d\n\n' % i)
    if big:
        folder.add(b'Subject: big\n\n' +
                   random.Random(big).randbytes(big))
    folder.close()


# ---- running ----

class Usage:
    def __init__(self):
        self.seconds = 0.0
        self.memory = {}        # program: peak of anonymous memory, bytes

    def add(self, name, size):
        self.memory[name] = max(self.memory.get(name, 0), size)


def _children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _look(pid, usage):
    """Peak of anonymous memory: what is there now, polled often."""
    try:
        with open('/proc/%d/status' % pid) as file:
            fields = dict(line.split(':\t', 1) for line in file
                          if ':\t' in line)
        with open('/proc/%d/cmdline' % pid) as file:
            words = file.read().split('\0')
        name = os.path.basename(words[0])
        if '--serve' in words:
            name += ' --serve'
        if name:                # else it is only about to become something
            usage.add(name, int(fields['RssAnon'].split()[0]) << 10)
    except (OSError, KeyError):
        return                  # it has ended
    for child in _children(pid):
        _look(child, usage)


def run(command, data_limit=None, poll=False, env=None, ok=(0,)):
    """Runs it to its end.  data_limit: bytes of anonymous memory that it and
    each of its children may have, by the kernel's word."""
    def limit():
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))
        resource.setrlimit(resource.RLIMIT_DATA,
                           (data_limit - STACK, data_limit - STACK))

    usage = Usage()
    begin = time.monotonic()
    child = subprocess.Popen(
        command, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, LC_ALL='C.UTF-8', **(env or {})),
        preexec_fn=limit if data_limit else None)
    while poll and child.poll() is None:
        _look(child.pid, usage)
        time.sleep(POLL_SECONDS)
    said = child.communicate()[0]
    usage.seconds = time.monotonic() - begin
    if child.returncode not in ok:
        raise MeasureError('%s: exit %d\n%s' % (
            ' '.join(command), child.returncode, said))
    return usage


def piped(command):
    """Seconds, and bytes that a shell pipe puts out."""
    begin = time.monotonic()
    done = subprocess.run(['sh', '-c', command + ' | wc -c'], check=True,
                          stdout=subprocess.PIPE, text=True)
    return time.monotonic() - begin, int(done.stdout)


class Sites:
    """Two sites, the mail of one of them, and a directory as the carrier."""

    def __init__(self, bin_dir, directory, maildir, compression='fast'):
        self.bin = bin_dir
        self.directory = directory
        self.maildir = maildir
        self.stick = os.path.join(directory, 'stick')
        os.makedirs(self.stick)
        os.makedirs(self.target)
        # Mail that no site has seen: else it would wait for its peers.
        shutil.rmtree(os.path.join(maildir, 'cur', '.packetboat'),
                      ignore_errors=True)
        for site, mail in (('a', maildir), ('b', self.target)):
            self._write(site, mail, '')
            self.run('packetboat', site, 'init')
        self.run('packetboat', 'a', 'media', 'init', self.stick)
        for site, other, mail in (('a', 'b', maildir),
                                  ('b', 'a', self.target)):
            key = subprocess.run(
                [os.path.join(bin_dir, 'packetboat'), '-c',
                 self.config(other), 'key'], check=True, text=True,
                stdout=subprocess.PIPE).stdout.split('\n')
            key = [line for line in key if line][-1]
            self._write(site, mail, (
                'peer "%s" {\n  key = "%s"\n  link "l" { via = "dir:%s" '
                'compression = "%s" }\n}\n')
                % (other, key, self.stick, compression))

    @property
    def target(self):
        return os.path.join(self.directory, 'mail-b')

    def config(self, site):
        return os.path.join(self.directory, site + '.conf')

    def state(self, site):
        return os.path.join(self.directory, 'state-' + site)

    def _write(self, site, mail, peer):
        with open(self.config(site), 'w') as file:
            file.write('site "%s" { state = "%s" }\naccount "alice" { '
                       'maildir = "%s" }\n%s' % (site, self.state(site), mail,
                                                 peer))

    def run(self, program, site, *args, **more):
        return run([os.path.join(self.bin, program), '-c', self.config(site),
                    *args], **more)

    def write(self, **more):
        return self.run('packetboat-writer', 'a', '--once', **more)

    def ship(self, site='a', **more):
        return self.run('packetboat-shipper', site, **more)

    def apply(self, site='b', **more):
        return self.run('packetboat-applier', site, **more)

    def acknowledge(self):
        self.ship('b')
        self.ship('a')
        self.apply('a')

    def bundles(self):
        """Newest last."""
        found = [os.path.join(path, name)
                 for path, _, names in os.walk(self.stick)
                 for name in names if name.endswith('.pb')]
        return sorted(found, key=os.path.getmtime)

    def parcels(self, bundle):
        """Sizes of the sealed parcels in it."""
        with tarfile.open(bundle) as tar:
            return [member.size for member in tar]

    def frames(self, folder_id=None):
        """(size, changes) of each frame of changes of the site's own logs, in
        order; folder_id: hex, of one log."""
        logs = os.path.join(self.state('a'), 'log', 'alice')
        found = []
        for name in sorted(os.listdir(logs)):
            if folder_id and name != folder_id:
                continue
            files = sorted(file for file in
                           os.listdir(os.path.join(logs, name))
                           if file.endswith('.changes'))
            text = subprocess.run(
                [os.path.join(self.bin, 'packetboat'), 'log'] +
                [os.path.join(logs, name, file) for file in files],
                check=True, text=True, stdout=subprocess.PIPE).stdout
            for line in text.split('\n'):
                words = line.split()
                if words[:1] == ['frame'] and 'lsn' in words:
                    first, last = words[words.index('lsn') + 1].split('..')
                    found.append((int(words[words.index('size') + 1]),
                                  int(last) - int(first) + 1))
        return found
