"""Sites whose mail a test changes itself, file by file, as Dovecot would: for
what depends on the order of events.  No mail server is needed.  The programs
are found in $PB_BIN."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = os.environ['PB_BIN']


def waits_for_hangup(child):
    """One that has just started would end by it."""
    if child.poll() is not None:
        return False
    with open('/proc/%d/status' % child.pid) as file:
        masks = [line.split()[1] for line in file
                 if line.startswith(('SigBlk:', 'SigCgt:'))]
    return any(int(mask, 16) >> signal.SIGHUP - 1 & 1 for mask in masks)


def taken(path):
    """The lines of a file that programs append to, since it was asked for
    last."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        lines = file.read().splitlines()
    os.unlink(path)
    return lines


class Site:
    """One account, "alice"."""

    def __init__(self, top, name):
        self.name = name
        self.top = top
        self.config = self.path('conf')
        self.mail = self.path('mail')
        self.state = self.path('state')
        self.accounts = 'account "alice" { maildir = "%s" }' % self.mail
        self.more = ''          # of the configuration
        self.daemons = {}       # command: child
        self.said = ''          # by the last run, on stderr
        self.write_config()
        self.key = self.run('init').strip()

    def path(self, what):
        return os.path.join(self.top, '%s.%s' % (self.name, what))

    def write_config(self):
        """In one: a daemon that starts just now reads the old or the new."""
        with open(self.config + '.new', 'w') as file:
            file.write('site "%s" { state = "%s" }\n%s\n%s' % (
                self.name, self.state, self.accounts, self.more))
        os.rename(self.config + '.new', self.config)

    def peer(self, other, via, key=None):
        self.more += 'peer "%s" { key = "%s" via = "%s" }\n' % (
            other.name, key or other.key, via)
        self.write_config()

    def run(self, *args, code=0):
        """Runs packetboat; returns what it printed. code None: any."""
        done = subprocess.run(
            [os.path.join(BIN, 'packetboat'), '-c', self.config, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.said = done.stderr
        assert code in (None, done.returncode), '%s: packetboat %s: exit %d:\n%s%s' % (
            self.name, ' '.join(args), done.returncode, done.stdout,
            done.stderr)
        return done.stdout

    def says(self, *words):
        """In the last run, on stderr."""
        for word in words:
            assert word in self.said, '%r is not in:\n%s' % (word, self.said)

    def silent(self, *words):
        for word in words:
            assert word not in self.said, '%r is in:\n%s' % (word, self.said)

    def sql(self, text, account='alice'):
        """The state, behind the back of everything that keeps sums."""
        return subprocess.run(
            [os.environ['PB_STATE_SQL'],
             os.path.join(self.state, 'accounts', account, 'state.db'), text],
            stdout=subprocess.PIPE, text=True, check=True).stdout

    def log(self):
        """All that this site logged, as text."""
        files = [os.path.join(where, name) for where, _, names in
                 os.walk(os.path.join(self.state, 'log')) for name in names
                 if name.endswith('.changes')]
        return self.run('log', *sorted(files)) if files else ''

    # Daemons; what they say goes into a file.

    def follow(self, *commands):
        for command in commands:
            with open(self.path(command), 'w') as said:
                self.daemons[command] = subprocess.Popen(
                    [os.path.join(BIN, 'packetboat'), '-c', self.config,
                     command, '--follow'], stdin=subprocess.DEVNULL,
                    stdout=said, stderr=said)

    def daemon_said(self, command):
        with open(self.path(command)) as file:
            return file.read()

    def wait(self, what, seconds, why):
        """Until what() is true; the daemons have to stay."""
        end = time.monotonic() + seconds
        while not what():
            said = ''.join('%s:\n%s' % (c, self.daemon_said(c))
                           for c in self.daemons)
            for child in self.daemons.values():
                assert child.poll() is None, 'a daemon ended:\n' + said
            assert time.monotonic() < end, '%s:\n%s' % (why, said)
            time.sleep(0.05)

    def hangup(self, *commands):
        for command in commands or self.daemons:
            child = self.daemons[command]
            self.wait(lambda: waits_for_hangup(child), 20, 'not ready')
            child.send_signal(signal.SIGHUP)

    def stop(self):
        """Each daemon has to end with 0."""
        children, self.daemons = self.daemons, {}
        for child in children.values():
            child.terminate()
        try:
            codes = {command: child.wait(20)
                     for command, child in children.items()}
        finally:
            for child in children.values():
                child.kill()    # harmless for one that ended
                child.wait()
        assert not any(codes.values()), codes

    # Its mail, as the server changes it.

    def folder(self, name='', uidvalidity=1000, guid='a'):
        path = os.path.join(self.mail, name)
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(path, sub))
        self.uidlist(name, '3 V%d N1 G%s' % (uidvalidity, guid * 32))

    def uidlist(self, name, *lines):
        """Writes it, or reads it where there are no lines."""
        path = os.path.join(self.mail, name, 'dovecot-uidlist')
        if lines:
            with open(path + '.new', 'w') as file:
                file.write('\n'.join(lines) + '\n')
            os.rename(path + '.new', path)
        with open(path) as file:
            return file.read().splitlines()

    def uids(self, name=''):
        """{UID: base} of what is there."""
        there = {self.base(f) for f in self.files(name)}
        pairs = (line.split(' ', 1) for line in self.uidlist(name)[1:])
        bases = {int(uid): rest.split(':', 1)[1] for uid, rest in pairs}
        return {uid: base for uid, base in bases.items() if base in there}

    def uidvalidity(self, name=''):
        return int(self.uidlist(name)[0].split(' V')[1].split()[0])

    @staticmethod
    def base(file):
        return file.split(':2,')[0]

    def files(self, name=''):
        path = os.path.join(self.mail, name)
        return [f for sub in ('cur', 'new')
                for f in os.listdir(os.path.join(path, sub))
                if not f.startswith('.')]

    def path_of(self, base, name=''):
        path = os.path.join(self.mail, name)
        [found] = [os.path.join(path, sub, f) for sub in ('cur', 'new')
                   for f in os.listdir(os.path.join(path, sub))
                   if self.base(f) == base]
        return found

    def expunge(self, base, name=''):
        os.unlink(self.path_of(base, name))

    def flag(self, base, flags, name=''):
        """These and no others."""
        old = self.path_of(base, name)
        os.rename(old, '%s:2,%s' % (old.split(':2,')[0], flags))

    def save(self, base, name='', extra='', flags='', body=None):
        path = os.path.join(self.mail, name)
        tmp = os.path.join(path, 'tmp', base)
        with open(tmp, 'w') as file:
            file.write(body or 'Subject: %s\n\nBody of %s\n' % (base, base))
        os.rename(tmp, os.path.join(path, 'cur', '%s:2,%s' % (base, flags)))
        self.line(base, name, extra)

    def line(self, base, name='', extra=''):
        """Gives a message the next UID, which nobody gets again."""
        lines = self.uidlist(name)
        before, after = re.split(r' N\d+', lines[0])
        uid = max([int(lines[0].split(' N')[1].split()[0]) - 1] +
                  [int(line.split()[0]) for line in lines[1:]]) + 1
        lines[0] = '%s N%d%s' % (before, uid + 1, after)
        lines.append('%d %s:%s' % (uid, extra and extra + ' ', base))
        self.uidlist(name, *lines)


class Sites:
    """Sites in one directory; paired by a directory of their own."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix='packetboat-sites-')
        self.carriers = 0
        self.sites = []

    def site(self, name):
        self.sites.append(Site(self.top, name))
        return self.sites[-1]

    def pair(self, *two):
        """A carrier that makes two sites peers; returns its directory."""
        self.carriers += 1
        path = os.path.join(self.top, 'carrier%d' % self.carriers)
        os.mkdir(path)
        two[0].run('media', 'init', path)
        for site, other in (two, two[::-1]):
            site.peer(other, 'dir:' + path)
        return path

    def two(self):
        sites = self.site('a'), self.site('b')
        self.carrier = self.pair(*sites)
        return sites

    def close(self):
        for site in self.sites:
            for child in site.daemons.values():
                child.kill()
                child.wait()
        shutil.rmtree(self.top, ignore_errors=True)


def main(checks):
    """Runs those that are named in argv, or all."""
    failed = 0
    for function in checks:
        if len(sys.argv) > 1 and function.__name__ not in sys.argv[1:]:
            continue
        sites = Sites()
        try:
            function(sites)
            print('ok', function.__name__, flush=True)
        except Exception as error:  # noqa: BLE001: told, and the next one
            failed += 1
            print('FAILED %s: %r\n%s' % (function.__name__, error, error),
                  flush=True)
        finally:
            sites.close()
    return 1 if failed else 0
