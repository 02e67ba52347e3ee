#!/usr/bin/env python3
"""Live links, from Maildir to Maildir: tcp: and stdio:, called once and kept
open, broken off and killed.

    links.py CASE       one of the functions below that begin with case_
"""

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.environ['PB_BIN']
PATIENCE = 40           # seconds until something has to have happened
BIG = 10 << 20
KILLED_AFTER = 300 << 10    # bytes of a call, at most
SLOW = 4 << 10              # bytes before a cut


def program(name):
    return os.path.join(BIN, name)


def until(what, true):
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f'not within {PATIENCE} s: {what}')
        time.sleep(0.05)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Site:
    def __init__(self, top, name):
        self.name = name
        self.top = os.path.join(top, name)
        self.conf = os.path.join(self.top, 'packetboat.conf')
        self.mail = os.path.join(self.top, 'Maildir')
        self.state = os.path.join(self.top, 'state')
        self.daemons = []
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(self.mail, sub))
        os.mkdir(self.state)
        self.configure()
        self.run('packetboat', 'init')
        line = self.run('packetboat', 'key').stdout
        self.key = line[line.index('pb1:'):].split('"')[0].strip()

    def configure(self, site='', rest=''):
        with open(self.conf, 'w') as f:
            f.write(f'site "{self.name}" {{ state = "{self.state}" {site} }}\n'
                    f'account "alice" {{ maildir = "{self.mail}" }}\n{rest}\n')

    def run(self, name, *args, ends=(0,), **more):
        done = subprocess.run(
            [program(name), '-c', self.conf, *args] if name != 'packetboat'
            else [program(name), '-c', self.conf, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=PATIENCE, **more)
        if done.returncode not in ends:
            raise AssertionError(f'{self.name}: {name} {args}: '
                                 f'{done.returncode}\n{done.stderr}')
        return done

    def write(self):
        return self.run('packetboat-writer')

    def apply(self):
        return self.run('packetboat-applier')

    def ship(self, *args, ends=(0,), **more):
        return self.run('packetboat-shipper', *args, ends=ends, **more)

    def follow(self, name, **more):
        out = open(os.path.join(self.top, name + '.said'), 'a')
        child = subprocess.Popen(
            [program(name), '-c', self.conf, '--follow'],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        self.daemons.append(child)
        return child

    def said(self, name='packetboat-shipper'):
        with open(os.path.join(self.top, name + '.said')) as f:
            return f.read()

    def deliver(self, number, size=0):
        """A mail of so many bytes, that no compression makes smaller."""
        head = f'From: a@example.org\nSubject: m{number}\n\n'
        body = random.Random(number).randbytes(size)
        name = f'{1600000000 + number}.M{number}P1.host'
        temp = os.path.join(self.mail, 'tmp', name)
        with open(temp, 'wb') as f:
            f.write(head.encode() + body + b'\n')
        os.rename(temp, os.path.join(self.mail, 'new', name))

    def flag(self, number):
        for sub in ('new', 'cur'):
            directory = os.path.join(self.mail, sub)
            for name in os.listdir(directory):
                if f'.M{number}P1.' in name:
                    os.rename(os.path.join(directory, name),
                              os.path.join(self.mail, 'cur',
                                           name.split(':')[0] + ':2,S'))

    def mails(self):
        """Base name and flags to contents."""
        found = {}
        for sub in ('new', 'cur'):
            directory = os.path.join(self.mail, sub)
            for name in os.listdir(directory):
                base, _, flags = name.partition(':2,')
                if name.startswith('.'):
                    continue
                with open(os.path.join(directory, name), 'rb') as f:
                    found[base.split(',')[0], flags] = f.read()
        return found


class Two:
    """Two sites: a writes, b receives; and who calls whom."""

    def __enter__(self):
        self.top = tempfile.mkdtemp(prefix='pblinks-')
        self.a, self.b = Site(self.top, 'a'), Site(self.top, 'b')
        return self

    def __exit__(self, *_):
        for site in (self.a, self.b):
            for child in site.daemons:
                if child.poll() is None:
                    child.terminate()
            for child in site.daemons:
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        shutil.rmtree(self.top)

    def by(self, via, listen='', more=''):
        listening = f'listen = "{listen}"' if listen else ''
        self.a.configure(rest=f'peer "b" {{ key = "{self.b.key}" '
                              f'via = "{via}" {more} }}')
        self.b.configure(site=listening,
                         rest=f'peer "a" {{ key = "{self.a.key}" '
                              f'changes = "receive" }}')

    def by_stdio(self):
        self.by(f'stdio:{program("packetboat")} -c {self.b.conf} ship --stdio')

    def by_tcp(self, more=''):
        port = free_port()
        self.by(f'tcp:127.0.0.1:{port}', f'127.0.0.1:{port}', more)
        return port

    def assert_equal(self):
        a, b = self.a.mails(), self.b.mails()
        if a != b:
            raise AssertionError(f'{sorted(a)} here, {sorted(b)} there')

    def is_equal(self):
        return self.a.mails() == self.b.mails()


class Relay:
    """A line that can be cut: counts what goes from who calls to who answers,
    and breaks off after so many bytes of it. The last of them go slowly: no
    buffer holds them then, what was counted was read."""

    def __init__(self, port):
        self.target, self.bytes, self.cut = port, 0, None
        self.then = lambda: None        # before it breaks off
        self.back = 0                   # bytes the other way
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                near.close()
                continue
            left = [self.cut]
            for ends in ((near, far, left), (far, near, None)):
                threading.Thread(target=self.carry, args=ends,
                                 daemon=True).start()

    def carry(self, source, to, left):
        try:
            while True:
                slow = left and left[0] is not None and left[0] <= SLOW
                data = source.recv(min(left[0], 512) if slow else 4096)
                if not data:
                    break
                to.sendall(data)
                if left is None:
                    self.back += len(data)
                    continue
                self.bytes += len(data)
                if left[0] is None:
                    continue
                left[0] -= len(data)
                while slow and not self.is_read(to):
                    time.sleep(0.001)
                if left[0] == 0:
                    self.then()
                    break
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def is_read(self, to):
        """Nothing lies in a buffer of the kernel between us and it."""
        ours = f'0100007F:{to.getsockname()[1]:04X}'
        theirs = f'0100007F:{self.target:04X}'
        with open('/proc/net/tcp') as f:
            for line in f:
                _, local, remote, state, queues = line.split()[:5]
                if (local, remote) == (ours, theirs):
                    if int(queues.split(':')[0], 16):
                        return False
                elif (local, remote) == (theirs, ours):
                    if int(queues.split(':')[1], 16):
                        return False
        return True


def case_stdio(two):
    """A call over pipes: mail there, acknowledgements back, and no byte of a
    body twice."""
    two.by_stdio()
    for i in range(30):
        two.a.deliver(i, 2000)
    two.a.deliver(99, 3 << 20)
    two.a.write()
    two.a.ship()
    again = two.a.ship()        # b has not looked at anything yet
    assert 'bodies' not in again.stderr, again.stderr
    status = two.a.run('packetboat', 'status', ends=(0, 3)).stdout
    assert 'not yet known to have arrived: ' in status, status
    assert 'medium' not in status, status
    two.b.apply()
    two.assert_equal()
    two.a.ship()
    two.a.apply()
    two.a.flag(7)
    two.a.write()
    said = two.a.ship().stderr
    assert '1 change' in said and 'bod' not in said, said
    two.b.apply()
    two.assert_equal()
    status = two.a.run('packetboat', 'status', ends=(0, 3)).stdout
    two.a.ship()
    two.a.apply()
    status = two.a.run('packetboat', 'status', ends=(0, 3)).stdout
    assert 'has everything' in status, status


def case_tcp(two):
    """A listening daemon is called once, and answers at once."""
    two.by_tcp()
    listener = two.b.follow('packetboat-shipper')
    two.b.follow('packetboat-applier')
    for i in range(10):
        two.a.deliver(i, 5000)
    two.a.write()

    def shipped():
        return two.a.ship(ends=(0, 4)).returncode == 0
    until('b listens', shipped)
    until('b has it', two.is_equal)

    def heard():
        two.a.ship()
        two.a.apply()
        out = two.a.run('packetboat', 'status', ends=(0, 3)).stdout
        return 'has everything' in out
    until('a hears of it', heard)
    assert listener.poll() is None


def case_follow(two):
    """Both keep the link; what is written goes at once, in a few bytes."""
    port = two.by_tcp()
    relay = Relay(port)
    two.by(f'tcp:127.0.0.1:{relay.port}', f'127.0.0.1:{port}')
    for name in ('packetboat-shipper', 'packetboat-applier'):
        two.a.follow(name)
        two.b.follow(name)
    two.a.follow('packetboat-writer')
    two.a.deliver(1, 3000)
    until('a mail arrives', lambda: two.a.mails() and two.is_equal())
    time.sleep(5)               # acknowledgements
    before = relay.bytes
    time.sleep(5)
    assert relay.bytes == before, 'an idle link is not silent'
    two.a.flag(1)
    until('a flag arrives', two.is_equal)
    time.sleep(4)
    print(f'one flag change: {relay.bytes - before} bytes')
    assert relay.bytes - before <= 100, relay.bytes - before
    # While a large mail goes, which takes its time, and afterwards.
    two.a.deliver(2, 3 << 20)
    two.a.deliver(3, 100)
    until('large and small arrive', two.is_equal)


class Reader:
    """Who reads mail for a shipper: a writer behind a socket, whose answers
    come as it is told: all at once; byte by byte, ever slower; not at all; or it
    ends when it is asked."""

    def __init__(self, site):
        self.how = 'well'
        self.asked = 0
        self.site = site
        self.path = os.path.join(site.top, 'bodies')
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.writers = []
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for writer in self.writers:
            writer.kill()
            writer.wait()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            ours, its = socket.socketpair()
            self.writers.append(subprocess.Popen(
                [program('packetboat-writer'), '-c', self.site.conf,
                 '--serve'], stdin=its, stdout=its))
            its.close()
            for ends in ((near, ours, False), (ours, near, True)):
                threading.Thread(target=self.carry, args=ends,
                                 daemon=True).start()

    def carry(self, source, to, answers):
        greeted = 0
        try:
            while data := source.recv(4096):
                if not answers:
                    self.asked += 1
                    if self.how == 'ends':
                        break
                elif greeted >= 20:
                    data = self.hold_back(data, to)
                greeted += len(data)
                to.sendall(data)
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold_back(self, data, to):
        """Returns what is left to be sent."""
        while self.how != 'well':
            if self.how == 'dribbles' and len(data) > 1:
                to.sendall(data[:1])
                data = data[1:]
            time.sleep(0.05)
        return data


def case_hung(two):
    """Who reads mail for a shipper hangs: all but bodies goes on, and they go
    when it goes on, too."""
    two.by_tcp()
    two.b.follow('packetboat-shipper')
    two.b.follow('packetboat-applier')
    two.a.deliver(1, 3000)
    two.a.write()
    with Reader(two.a) as reader:
        env = dict(os.environ, PACKETBOAT_BODIES=reader.path)

        def shipped(*ends):
            return two.a.ship(ends=(*ends, 4), env=env).returncode != 4
        until('a called b', lambda: shipped(0))
        until('a mail arrives', two.is_equal)
        # A call goes without bodies, and says so.
        reader.how = 'ends'
        two.a.deliver(2, 3000)
        two.a.flag(1)
        two.a.write()
        said = two.a.ship(ends=(1,), env=env).stderr
        assert 'bodies wait: packetboat-writer ended' in said, said
        until('the flag of a call arrives',
              lambda: len(two.b.mails()) == 1 and
              two.a.mails().items() >= two.b.mails().items())
        reader.how = 'well'
        two.a.ship(env=env)
        until('b got it, and said what it wants', lambda: shipped(0) and
              two.a.apply() and two.is_equal())
        # A link that is kept.
        two.a.follow('packetboat-shipper', env=env)
        two.a.follow('packetboat-applier')
        for number, how in ((3, 'hangs'), (5, 'dribbles')):
            reader.how, before = how, reader.asked
            two.a.deliver(number, 30000)
            two.a.deliver(number + 1, 100)
            two.a.write()
            until('it is asked', lambda: reader.asked > before)
            two.a.flag(number - 1)
            two.a.write()
            there = len(two.b.mails())
            until('the flag arrives', lambda: two.a.mails().items() >=
                  two.b.mails().items())
            assert len(two.b.mails()) == there
            reader.how = 'well'
            until('the mails arrive', two.is_equal)


def case_alive(two):
    """A link on which nothing happens is asked for, by whom that is configured,
    be it called or calling; and stays."""
    port = two.by_tcp()
    relay = Relay(port)
    two.by(f'tcp:127.0.0.1:{relay.port}', f'127.0.0.1:{port}')
    two.b.configure(site=f'listen = "127.0.0.1:{port}"',
                    rest=f'peer "a" {{ key = "{two.a.key}" via = "answer:" '
                         f'changes = "receive" alive = "10s" }}')
    for name in ('packetboat-shipper', 'packetboat-applier'):
        two.a.follow(name)
        two.b.follow(name)
    two.a.follow('packetboat-writer')
    two.a.deliver(1, 3000)
    until('a mail arrives', lambda: two.a.mails() and two.is_equal())
    time.sleep(5)               # acknowledgements
    for _ in range(2):
        there, back = relay.bytes, relay.back
        until('b asks', lambda: relay.back >= back + 19)
        until('a answers', lambda: relay.bytes >= there + 20)
    assert 'silent' not in two.a.said() + two.b.said()


def body_calls(two, relay, disturb):
    """Call until b has the big mail; returns the bytes that went there."""
    calls = 0
    while True:
        disturb(calls)
        two.a.ship(ends=(0, 4))
        two.b.apply()
        calls += 1
        if two.is_equal():
            return relay.bytes, calls
        assert calls < 200, 'it never comes whole'


def big_mail(two):
    port = two.by_tcp()
    relay = Relay(port)
    two.by(f'tcp:127.0.0.1:{relay.port}', f'127.0.0.1:{port}')
    two.a.deliver(1, BIG)
    two.a.write()
    two.b.follow('packetboat-shipper')
    until('b listens', lambda: listens(port))
    return relay


def listens(port):
    try:
        socket.create_connection(('127.0.0.1', port)).close()
        return True
    except OSError:
        return False


def whole_size(two):
    """What the mail takes in one undisturbed call, counted on its own."""
    with Two() as other:
        relay = big_mail(other)
        other.a.ship()
        other.b.apply()
        other.assert_equal()
        return relay.bytes


def case_cut(two):
    """The line drops again and again in one large mail: each call carries the
    rest only."""
    whole = whole_size(two)
    relay = big_mail(two)
    rng = random.Random(5)

    def disturb(calls):
        relay.cut = rng.randrange(30000, 300000) if calls < 40 else None
    carried, calls = body_calls(two, relay, disturb)
    print(f'{calls} calls: {carried} bytes, undisturbed {whole}')
    assert calls > 20
    assert carried <= whole * 1.03, (carried, whole)


def case_killed(two):
    """The receiver is killed in the middle of a large mail, and started."""
    whole = whole_size(two)
    relay = big_mail(two)
    rng = random.Random(6)

    def kill():
        child = two.b.daemons[-1]
        child.send_signal(signal.SIGKILL)
        child.wait()
    relay.then = kill

    def disturb(calls):
        if calls:
            two.b.daemons[-1].wait(PATIENCE)    # it was killed
            two.b.follow('packetboat-shipper')
            until('b listens', lambda: listens(relay.target))
        relay.cut = rng.randrange(1, KILLED_AFTER) if calls < 50 else None
    carried, calls = body_calls(two, relay, disturb)
    print(f'{calls - 1} kills: {carried} bytes, undisturbed {whole}')
    assert calls == 51, calls
    assert carried <= whole * 1.02, (carried, whole)


def few_files():
    """As few as a program may open unless it asks for more."""
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (48, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def case_strangers(two):
    """Who is not known, says nonsense or says nothing is told nothing, and
    keeps nobody out."""
    port = two.by_tcp()
    listener = two.b.follow('packetboat-shipper', preexec_fn=few_files)
    until('b listens', lambda: listens(port))
    silent = [socket.create_connection(('127.0.0.1', port))
              for _ in range(100)]
    for data in (b'GET / HTTP/1.0\r\n\r\n' + bytes(100), b'PBL\x01' + bytes(60),
                 b'PBL\x02' + bytes(60), os.urandom(100000)):
        with socket.create_connection(('127.0.0.1', port)) as s:
            s.settimeout(10)
            try:
                s.sendall(data)
                assert s.recv(1) == b''
            except ConnectionError:
                pass
    # One that b does not know.
    stranger = Site(two.top, 'c')
    stranger.configure(rest=f'peer "b" {{ key = "{two.b.key}" '
                            f'via = "tcp:127.0.0.1:{port}" }}')
    stranger.deliver(5, 100)
    stranger.write()
    stranger.ship(ends=(4,))
    two.a.deliver(1, 3000)
    two.a.write()
    two.a.ship()
    two.b.apply()
    two.assert_equal()
    assert listener.poll() is None
    said = two.b.said()
    assert 'too many strangers' in said and 'unknown key' in said, said
    assert said.count('too many strangers') <= 20, said
    listener.terminate()
    listener.wait()
    for s in silent:
        s.close()
    # All are counted, whatever was said of them.
    refusals = json.loads(two.b.run('packetboat', 'status', '--json',
                                    ends=(0, 3)).stdout)['refusals']
    assert {r['who'] for r in refusals} == {'stranger at 127.0.0.1'}, refusals
    counts = {r['why']: r['count'] for r in refusals}
    assert counts['too many at a time'] >= 68, counts
    assert any('unknown key' in r['last'] for r in refusals), refusals
    text = two.b.run('packetboat', 'status', ends=(0, 3)).stdout
    assert 'refused: stranger at 127.0.0.1: too many at a time, ' in text, text


def linked_by_daemons(two):
    """Daemons, and mail that came over their link."""
    two.by_tcp()
    for name in ('packetboat-shipper', 'packetboat-applier'):
        two.b.follow(name)
    two.a.follow('packetboat-shipper')
    come(two, 1)


def come(two, number):
    two.a.deliver(number, 1000)
    two.a.write()
    until(f'mail {number} is there', two.is_equal)


def reload(site):
    """Its daemons read the configuration again."""
    for child in site.daemons:
        child.send_signal(signal.SIGHUP)
    are_reloaded(site)


def are_reloaded(site):
    for name in ('packetboat-shipper', 'packetboat-applier'):
        until('it is read', lambda: 'read again' in site.said(name))


def thief_of(two):
    """Who has a copy of a's key and state, and mail of his own."""
    thief = Site(two.top, 'thief')
    shutil.rmtree(thief.state)
    shutil.copytree(two.a.state, thief.state)
    with open(two.a.conf) as f:
        conf = f.read()
    with open(thief.conf, 'w') as f:
        f.write(conf.replace(two.a.top, thief.top))
    return thief


def is_called(two):
    """How often b was called, while a call is under way."""
    answered = json.loads(two.b.run('packetboat', 'status', '--json',
                                    ends=(0, 3)).stdout)['peers'][0]['answered']
    last = answered.get('last', {}).get('outcome')
    return answered['count'] if last == 'under way' else 0


def case_revoked(two):
    """Who is linked by a key that is revoked is hung up, and not let in; the
    site itself comes by its new one, though nobody could tell it that."""
    linked_by_daemons(two)
    thief = thief_of(two)
    new = two.a.run('packetboat', 'key', 'rotate').stdout.strip()
    until('it is announced', lambda: new in two.b.said('packetboat-applier'))
    two.a.daemons[0].terminate()
    two.a.daemons[0].wait()
    with open(two.b.conf) as f:
        conf = f.read()
    with open(two.b.conf, 'w') as f:
        f.write(conf.replace(two.a.key, new))
    reload(two.b)
    thief.follow('packetboat-shipper')
    two.a.daemons += thief.daemons
    until('who has the old key is linked', lambda: is_called(two) > 1)
    two.b.run('packetboat', 'peer', 'revoke', 'a')
    until('it is hung up', lambda: 'its key is taken no more' in two.b.said())
    until('it is refused', lambda: 'number 0 after its first' in two.b.said())
    thief.daemons[0].terminate()
    thief.daemons[0].wait()
    # a was never told that its new key is known.
    two.a.deliver(2, 1000)
    two.a.write()
    calls = [two.a.ship(ends=(0, 4)).returncode for _ in range(2)]
    assert 0 in calls, calls
    until('mail 2 is there', two.is_equal)


def case_expelled(two):
    """Who is expelled is hung up, and nothing more is taken, by daemons that
    nobody told of it."""
    linked_by_daemons(two)
    until('nothing of it waits', lambda: 'is expelled' in two.b.run(
        'packetboat', 'peer', 'expel', 'a', ends=(0, 2)).stderr)
    are_reloaded(two.b)
    two.a.deliver(2, 1000)
    two.a.write()
    until('it is refused', lambda: 'unknown key' in two.b.said())
    assert not two.is_equal()


def case_activated(two):
    """The service manager listens, and hands the socket on."""
    port = two.by_tcp()
    two.b.configure(rest=f'peer "a" {{ key = "{two.a.key}" '
                         f'changes = "receive" }}')
    with socket.create_server(('127.0.0.1', port)) as s:
        def hand_on():
            os.environ['LISTEN_PID'] = str(os.getpid())
        os.set_inheritable(s.fileno(), True)
        out = open(os.path.join(two.b.top, 'packetboat-shipper.said'), 'a')
        two.b.daemons.append(subprocess.Popen(
            ['/bin/sh', '-c', f'exec 3<&{s.fileno()}; LISTEN_PID=$$ '
             f'LISTEN_FDS=1 exec {program("packetboat-shipper")} '
             f'-c {two.b.conf} --follow'], close_fds=False, stdout=out,
            stderr=out))
        two.a.deliver(1, 3000)
        two.a.write()
        two.a.ship()
        two.b.apply()
        two.assert_equal()


def case_held(two):
    """A large body stays while small ones go, and goes when it is released."""
    two.by_tcp('hold = 4K preview = yes')
    for name in ('packetboat-shipper', 'packetboat-applier'):
        two.a.follow(name)
        two.b.follow(name)
    two.a.deliver(1, 100)
    two.a.deliver(2, 50000)
    two.a.write()

    def status():
        out = two.a.run('packetboat', 'status', '--json', ends=(0, 3)).stdout
        return json.loads(out)['peers'][0]['accounts'][0]

    def held():
        return json.loads(two.a.run('packetboat', 'held', '--json').stdout)
    # The small one, and a preview of the large one.
    until('both arrive', lambda: len(two.b.mails()) == 2)
    until('b says what it lacks', lambda: status()['bodies_wanted_there'] and
          held()[0]['preview'] == 'there')
    [one] = held()
    assert one['subject'] == 'm2' and not one['goes_by'], one
    assert len(two.b.mails()) == 2, two.b.mails().keys()
    two.a.run('packetboat', 'held', 'release', 'b', one['id'])
    until('the large one arrives', two.is_equal)
    until('a hears of it', lambda: not held())


def case_window(two):
    """A daemon dials when its window opens and hangs up when it is over; by
    hand it is called at once."""
    shim = os.environ['CLOCKSHIM']
    # Its clock is some seconds before a whole minute, and that is the end.
    now = time.time()
    off = int(60 - now % 60 - 8)
    begin = int(now) + off
    begin -= begin % 60
    hours = [time.strftime('%H:%M', time.gmtime(begin + k * 60))
             for k in (-1, 0, 1, 2)]
    dialed, hung = (os.path.join(two.top, name) for name in ('up', 'down'))

    def count(path):
        return os.path.getsize(path) if os.path.exists(path) else 0
    two.by_tcp(f'window = {{ "{hours[1]}-{hours[2]} UTC" }}'
               f' before = "printf x >>{dialed}"'
               f' after = "printf x >>{hung}"')
    two.b.follow('packetboat-shipper')
    two.b.follow('packetboat-applier')
    two.a.deliver(1, 3000)
    two.a.write()
    two.a.follow('packetboat-shipper', env={
        **os.environ, 'LD_PRELOAD': shim, 'CLOCK_OFF': str(off),
        'CLOCK_SINCE': str(int(now))})
    until('a mail arrives', two.is_equal)
    assert count(dialed) >= 1
    until('it hangs up', lambda: count(hung) == count(dialed))
    calls = count(dialed)
    two.a.deliver(2, 3000)
    two.a.write()
    time.sleep(4)
    assert count(dialed) == calls, 'it called outside of its window'
    assert not two.is_equal()
    [child] = two.a.daemons
    child.terminate()
    child.wait(10)
    two.by_tcp(f'window = {{ "{hours[0]}-{hours[1]} UTC" }}')
    said = two.a.ship(ends=(4,)).stderr
    assert 'its next window begins' in said, said


def taken(log):
    """The words that were written there since the last look."""
    if not os.path.exists(log):
        return []
    with open(log) as f:
        words = f.read().split()
    os.unlink(log)
    return words


def case_called(two):
    """What is dialed for is dialed once in a sync, and hung up, whatever
    comes of it."""
    log = os.path.join(two.top, 'calls')

    def calls():
        return taken(log)
    more = f'before = "echo up >>{log}" after = "echo down >>{log}"'
    two.by(f'stdio:{program("packetboat")} -c {two.b.conf} ship --stdio',
           more=more)
    two.a.deliver(1, 1000)
    two.a.run('packetboat', 'sync')
    assert calls() == ['up', 'down']
    two.b.apply()
    two.assert_equal()
    two.by('stdio:false', more=more)
    two.a.deliver(2, 1000)
    two.a.run('packetboat', 'sync', ends=(1, 4))
    assert calls() == ['up', 'down']
    two.by('stdio:false', more=more.replace('echo up', 'false; false'))
    said = two.a.run('packetboat', 'sync', ends=(4,)).stderr
    assert '"before" ended with 1' in said, said
    assert calls() == []


def at_noon():
    """No day, and no month, ends while a test runs."""
    now = int(time.time())
    return {**os.environ, 'LD_PRELOAD': os.environ['CLOCKSHIM'], 'TZ': 'UTC',
            'CLOCK_OFF': str(43200 - now % 86400), 'CLOCK_SINCE': str(now)}


def case_budget(two):
    """A call carries no byte more than its budget, and the next goes on there;
    what a day has spent it has spent after a restart, and by whatever."""
    noon = at_noon()
    port = two.by_tcp()
    relay = Relay(port)
    via = f'tcp:127.0.0.1:{relay.port}'
    listen = f'127.0.0.1:{port}'
    two.by(via, listen, 'budget = { "100K call" }')
    two.a.deliver(1, 600000)
    two.a.write()
    two.b.follow('packetboat-shipper')
    until('b listens', lambda: listens(port))
    calls = total = 0
    while not two.is_equal():
        said = two.a.run('packetboat-shipper', ends=(0, 4), env=noon).stderr
        calls += 1
        total = relay.bytes + relay.back
        assert total <= calls * (100 << 10), (calls, total)
        two.b.apply()
        assert two.is_equal() or 'of a call is used up' in said, said
        assert calls < 12, f'{total} bytes in {calls} calls'
    print(f'{total} bytes in {calls} calls')
    assert calls >= 3 and total < 660000, (calls, total)
    two.by(via, listen, 'budget = { "100K day", "4M month" }')
    two.a.deliver(2, 1000)
    two.a.write()
    before = relay.bytes
    said = two.a.run('packetboat-shipper', ends=(4,), env=noon).stderr
    assert 'its budget is used up until' in said, said
    assert relay.bytes == before
    said = two.a.run('packetboat', 'status', ends=(0, 3), env=noon).stdout
    assert 'budget used up until' in said, said
    two.by(via, listen, 'budget = { "2M day", "4M month UTC" }')
    two.a.run('packetboat-shipper', env=noon)
    two.b.apply()
    two.assert_equal()
    said = two.a.run('packetboat', 'status', ends=(0, 3), env=noon).stdout
    assert 'of 2M a day' in said, said


def case_bundles(two):
    """A budget holds for bundles, too: part of a mail goes with each."""
    noon = at_noon()
    stick = os.path.join(two.top, 'stick')
    os.mkdir(stick)
    two.a.run('packetboat', 'media', 'init', stick)
    two.b.configure(rest=f'peer "a" {{ key = "{two.a.key}" '
                         f'changes = "receive" via = "dir:{stick}" }}')
    two.a.configure(rest=f'peer "b" {{ key = "{two.b.key}" '
                         f'via = "dir:{stick}" budget = "100K call" }}')
    two.a.deliver(1, 600000)
    two.a.deliver(2, 100)
    two.a.write()
    rounds = 0
    while not two.is_equal():
        two.a.run('packetboat-shipper', ends=(0, 4), env=noon)
        lies = sum(os.path.getsize(os.path.join(path, name))
                   for path, _, names in os.walk(os.path.join(stick, 'pb'))
                   for name in names)
        assert lies <= 100 << 10, lies
        for step in (two.b.ship, two.b.apply, two.b.ship):
            step()
        two.a.run('packetboat-shipper', '--collect', env=noon)
        two.a.apply()
        rounds += 1
        assert rounds < 9
    assert rounds >= 3, rounds
    # One that is used up is told before anything is begun.
    two.a.configure(rest=f'peer "b" {{ key = "{two.b.key}" '
                         f'via = "dir:{stick}" budget = "100K day" }}')
    two.a.deliver(3, 600000)
    two.a.write()
    two.a.run('packetboat-shipper', ends=(0, 4), env=noon)
    again = two.a.run('packetboat-shipper', ends=(4,), env=noon)
    assert 'its budget is used up until ' in again.stderr, again.stderr


def case_worth(two):
    """A link is not called for less than a call is worth, unless it waited for
    long, or by hand; a daemon hangs up when all is said."""
    port = two.by_tcp('worth = "20K" wait = "1h"')
    two.b.follow('packetboat-shipper')
    two.b.follow('packetboat-applier')
    until('b listens', lambda: listens(port))

    def deliver(number, size):
        two.a.deliver(number, size)
        two.a.write()

    def ship(ends, *args, **more):
        return two.a.run('packetboat-shipper', *args, ends=ends,
                         **more).stderr

    def link():
        said = two.a.run('packetboat', 'status', '--json', ends=(0, 3))
        return json.loads(said.stdout)['peers'][0]['links'][0]
    deliver(1, 1000)
    ship((0,))
    until('the first call is made', two.is_equal)
    said = ship((0,))
    assert 'no call: 0 bytes wait' in said, said
    deliver(2, 1000)
    calls = link()['calls']['count']
    for said in (ship((4,)),
                 two.a.run('packetboat', 'sync', ends=(4,)).stderr,
                 two.a.run('packetboat', 'peer', 'plan', 'b').stdout):
        assert said.count('bytes wait, a call is worth 20K; at the latest') \
            == 1, said
    [plan] = planned(two.a)
    assert not plan['due'] and 1000 < plan['waiting_bytes'] < 3000, plan
    begin = os.path.getmtime(two.a.conf)
    assert begin <= plan['call_by_ms'] / 1000 - 3600 <= time.time(), plan
    assert link()['call_by_ms'] == plan['call_by_ms'], link()
    said = two.a.run('packetboat', 'status', ends=(0, 3)).stdout
    assert 'next call: when 20K wait, at the latest 20' in said, said
    # Enough waits.
    deliver(3, 30000)
    assert link()['calls']['count'] == calls
    ship((0,))
    until('both arrive', two.is_equal)
    # It waited for so long.
    deliver(4, 1000)
    ship((4,))
    ship((0,), env={**os.environ, 'LD_PRELOAD': os.environ['CLOCKSHIM'],
                    'CLOCK_OFF': '3700', 'CLOCK_SINCE': '0'})
    until('it arrives', two.is_equal)
    # Such a clock was set back: it waits no longer than it would from now on.
    deliver(5, 1000)
    ship((4,))
    assert link()['call_by_ms'] <= (time.time() + 3600) * 1000
    ship((0,), 'b', '')
    until('it is called by hand', two.is_equal)
    # A daemon.
    two.a.follow('packetboat-shipper')
    deliver(6, 1000)
    until('it is weighed', lambda: 'waits 1' in worth_of(two.a))
    assert not two.is_equal()
    deliver(7, 30000)
    until('both arrive', two.is_equal)
    until('it is hung up',
          lambda: link()['calls']['last']['outcome'] == 'done')
    two.by(f'tcp:127.0.0.1:{port}', f'127.0.0.1:{port}',
           'worth = "20K" wait = "2s"')
    two.a.daemons[0].send_signal(signal.SIGHUP)
    deliver(8, 1000)
    until('it is called when it is time', two.is_equal)
    # It runs no command for that.
    assert '"before" or "after"' not in two.a.said(), two.a.said()


def worth_of(site):
    """What is written down of its one link."""
    [name] = [name for name in os.listdir(os.path.join(site.state, 'worth'))
              if not name.endswith('.tmp')]
    with open(os.path.join(site.state, 'worth', name)) as f:
        return f.read()


def case_errands(two):
    """So it is with what another program brings: it is not run for less."""
    there = os.path.join(two.top, 'there')
    log = os.path.join(two.top, 'runs')
    script = os.path.join(two.top, 'carry')
    os.mkdir(there)
    with open(script, 'w') as f:
        f.write(f'#!/bin/sh\necho $1 >>{log}\n'
                f'test $1 = collect || cp "$2" {there}\n')
    os.chmod(script, 0o755)

    def runs():
        return taken(log)
    two.by(f'exec:{script}', more='worth = "20K"')
    two.a.deliver(1, 1000)
    two.a.run('packetboat', 'sync')
    first = runs()
    assert first[0] == 'collect' and 'send' in first, first
    two.a.deliver(2, 1000)
    said = two.a.run('packetboat', 'sync', ends=(4,)).stderr
    assert said.count('no call:') == 1, said
    two.a.run('packetboat', 'sync', ends=(4,))
    assert runs() == []
    two.a.deliver(3, 30000)
    two.a.run('packetboat', 'sync')
    assert runs().count('collect') == 1
    for name in sorted(os.listdir(there)):
        two.b.run('packetboat-applier', os.path.join(there, name))
    two.assert_equal()


def case_recalled(two):
    """What waits for a link does not go when it went by another meanwhile; what
    came since does."""
    there, stick = (os.path.join(two.top, name) for name in ('there', 'stick'))
    down = os.path.join(two.top, 'down')
    script = os.path.join(two.top, 'carry')
    os.mkdir(there)
    os.mkdir(stick)
    open(down, 'w').close()
    with open(script, 'w') as f:
        f.write(f'#!/bin/sh\ntest $1 = send || exit 0\n'
                f'test ! -e {down} || exit 75\ncp "$2" {there}\n')
    os.chmod(script, 0o755)
    two.a.run('packetboat', 'media', 'init', stick)
    two.b.configure(rest=f'peer "a" {{ key = "{two.a.key}" '
                         f'changes = "receive" via = "dir:{stick}" }}')
    two.a.configure(rest=f'peer "b" {{ key = "{two.b.key}"\n'
                         f'link sat {{ via = "exec:{script}" }}\n'
                         f'link stick {{ via = "dir:{stick}" }} }}')

    def waiting():
        return [name for _, _, names in os.walk(os.path.join(
            two.a.state, 'links')) for name in names if name.endswith('.pb')]
    two.a.deliver(1, 100000)
    two.a.run('packetboat', 'sync', ends=(4,))
    [first] = waiting()
    two.a.deliver(2, 50000)
    two.a.run('packetboat', 'sync', ends=(4,))
    [other] = set(waiting()) - {first}
    # One of them is acknowledged, that is, applied, and one is lacked.
    lies = os.path.join(stick, 'pb')
    away = os.path.join(two.top, 'away')
    os.rename(lies, away)
    second = sorted(name for _, _, names in os.walk(away) for name in names
                    if name.endswith('.whole'))[1]
    for path, _, names in os.walk(away):
        to = path.replace(away, lies, 1)
        os.makedirs(to, exist_ok=True)
        for name in names:
            if name != second:
                shutil.copy2(os.path.join(path, name), to)
    two.b.run('packetboat', 'sync')
    assert len(two.b.mails()) == 1
    shutil.rmtree(away)
    said = two.a.run('packetboat', 'sync', ends=(4,)).stderr
    assert 'went another way does not go: bundles: 1' in said, said
    assert first not in waiting() and other in waiting(), waiting()
    os.unlink(down)
    two.a.run('packetboat', 'sync', ends=(0, 4))
    assert not waiting()
    for name in sorted(os.listdir(there)):
        assert os.path.getsize(os.path.join(there, name)) < 70000
        two.b.run('packetboat-applier', os.path.join(there, name))
    two.assert_equal()


def case_rate(two):
    """At no time more went than the rate lets go."""
    port = two.by_tcp()
    relay = Relay(port)
    two.by(f'tcp:127.0.0.1:{relay.port}', f'127.0.0.1:{port}', 'rate = 20000')
    two.a.deliver(1, 100000)
    two.a.write()
    two.b.follow('packetboat-shipper')
    until('b listens', lambda: listens(port))
    begin = time.monotonic()
    seen = []
    child = subprocess.Popen(
        [program('packetboat-shipper'), '-c', two.a.conf])
    while child.poll() is None:
        went = relay.bytes
        seen.append((time.monotonic() - begin, went))
        time.sleep(0.02)
    assert child.returncode == 0
    assert all(went <= t * 20000 + 2700 for t, went in seen), seen
    assert len({went for _, went in seen}) > 6, seen
    two.b.apply()
    two.assert_equal()


def case_slow(two):
    """A body that took its time is not sent again before its peer can have said
    that it came."""
    port = two.by_tcp()
    relay = Relay(port)
    two.by(f'tcp:127.0.0.1:{relay.port}', f'127.0.0.1:{port}', 'rate = 12000')
    two.b.follow('packetboat-shipper')
    until('b listens', lambda: listens(port))
    two.a.follow('packetboat-shipper')
    two.a.deliver(1, 400000)
    two.a.write()
    until('the body goes', lambda: relay.bytes > 20000)
    two.b.apply()               # and asks for it, before it has come

    def asked():
        two.a.apply()
        said = two.a.run('packetboat', 'status', '--json', ends=(0, 3))
        [peer] = json.loads(said.stdout)['peers']
        return peer['accounts'][0]['bodies_wanted_there']
    until('a hears that', asked)
    until('the body went', lambda: relay.bytes > 400000)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert relay.bytes < 420000, relay.bytes
        time.sleep(0.2)
    two.b.apply()
    two.assert_equal()


def tree_of(top):
    """Every file, but for what SQLite keeps empty."""
    return {os.path.join(path, name):
            open(os.path.join(path, name), 'rb').read()
            for path, _, names in os.walk(top) for name in names
            if not name.endswith('.lock')}


def planned(site, *more):
    """What is planned for the first link; and that nothing comes of it."""
    site.run('packetboat', 'status', ends=(0, 3))
    before = tree_of(site.state)
    said = site.run('packetboat', 'peer', 'plan', 'b', '--json', *more)
    after = tree_of(site.state)
    changed = [name for name in {**before, **after}
               if before.get(name) != after.get(name)]
    assert not changed, changed
    return json.loads(said.stdout)['links']


def case_plan(two):
    """Bundles are as long as was planned, to the byte; what goes on a line is,
    but for what a line cuts otherwise; and a plan changes nothing."""
    stick = os.path.join(two.top, 'stick')
    os.mkdir(stick)
    two.a.run('packetboat', 'media', 'init', stick)
    port = free_port()
    relay = Relay(port)
    two.b.configure(site=f'listen = "127.0.0.1:{port}"',
                    rest=f'peer "a" {{ key = "{two.a.key}" '
                         f'changes = "receive" via = "dir:{stick}" }}')

    def link(name, via, more=''):
        return f'link {name} {{ via = "{via}" {more} }}'

    def configure(budget=''):
        two.a.configure(rest=f'peer "b" {{ key = "{two.b.key}" '
                        + link('stick', f'dir:{stick}', budget)
                        + link('line', f'tcp:127.0.0.1:{relay.port}') + '}')

    def lies():
        return sum(os.path.getsize(os.path.join(path, name))
                   for path, _, names in os.walk(os.path.join(stick, 'pb'))
                   for name in names)
    configure('budget = "200K call"')
    for i in range(8):
        two.a.deliver(i, 3000)
    two.a.deliver(99, 600000)
    two.a.write()
    cut = planned(two.a)[0]
    assert cut['over_budget'] and cut['left_bodies'] == 1, cut
    assert cut['small_bodies'] == 8, cut
    assert 190 << 10 < cut['bytes'] <= 200 << 10, cut
    said = two.a.run('packetboat', 'peer', 'plan', 'b', 'stick').stdout
    assert 'held back' in said and f"in all {cut['bytes']} bytes" in said, said
    configure()
    whole, line = planned(two.a)
    assert not whole['over_budget'] and whole['large_bodies'] == 1, whole
    two.a.ship('b', 'stick')
    assert lies() == whole['bytes'], (lies(), whole)
    assert planned(two.a)[0]['bytes'] == 0
    # The line knows nothing of the stick.
    two.b.follow('packetboat-shipper')
    until('b listens', lambda: listens(port))
    two.a.ship('b', 'line')
    until('nearly as many', lambda: relay.bytes >= line['bytes'] * 0.98)
    print(f"{line['bytes']} bytes planned, {relay.bytes} went")
    assert relay.bytes <= line['bytes'] * 1.08 + 200, (relay.bytes, line)
    two.a.run('packetboat', 'peer', 'plan', 'nobody', ends=(2,))
    two.a.run('packetboat', 'peer', 'plan', 'b', 'none', ends=(2,))


def case_apart(two):
    """A peer that is dialed for a long time does not hold the others, nor does
    one that is hung up on."""
    c = Site(two.top, 'c')
    port = two.by_tcp()
    go = os.path.join(two.top, 'go')
    begun = os.path.join(two.top, 'begun')
    wait = f'touch {begun}; while ! test -e {go}; do sleep 0.1; done'
    two.a.configure(
        rest=f'peer "c" {{ key = "{c.key}" via = "stdio:false" '
             f'before = "{wait}" }}\n'
             f'peer "b" {{ key = "{two.b.key}" '
             f'via = "tcp:127.0.0.1:{port}" after = "{wait}" }}')
    two.b.follow('packetboat-shipper')
    until('b listens', lambda: listens(port))
    two.b.follow('packetboat-applier')
    two.a.follow('packetboat-shipper')
    until('it dials', lambda: os.path.exists(begun))
    for i in range(3):
        two.a.deliver(i, 1000)
        two.a.write()
        until('a mail arrives', two.is_equal)
    assert not os.path.exists(go)
    os.unlink(begun)
    two.b.daemons[0].terminate()
    two.b.daemons[0].wait(10)
    until('it hangs up', lambda: os.path.exists(begun))
    # Its end waits for that, and not for what is dialed.
    two.a.daemons[0].terminate()
    try:
        two.a.daemons[0].wait(1)
        raise AssertionError('nobody waited for what hangs up')
    except subprocess.TimeoutExpired:
        pass
    with open(go, 'w'):
        pass
    assert two.a.daemons[0].wait(PATIENCE) == 0


def case_beside(two):
    """A visit that takes its time keeps no live link, be it with mail under way
    to the same peer; and a daemon does not end in the midst of it, nor go on
    with one of its processes."""
    port = free_port()
    go, begun, done = (os.path.join(two.top, name)
                       for name in ('go', 'begun', 'done'))
    script = os.path.join(two.top, 'carry')
    with open(script, 'w') as f:
        f.write(f'#!/bin/sh\ntest $1 = send || exit 0\ntouch {begun}\n'
                f'while ! test -e {go}; do sleep 0.1; done\ntouch {done}\n')
    os.chmod(script, 0o755)
    two.b.configure(site=f'listen = "127.0.0.1:{port}"',
                    rest=f'peer "a" {{ key = "{two.a.key}" '
                         f'changes = "receive" }}')
    two.a.configure(rest=f'peer "b" {{ key = "{two.b.key}"\n'
                         f'link slow {{ via = "exec:{script}" }}\n'
                         f'link line {{ via = "tcp:127.0.0.1:{port}" }} }}')
    two.a.deliver(1, 1000)
    two.a.write()
    two.a.follow('packetboat-shipper')
    until('a visit is under way', lambda: os.path.exists(begun))
    two.b.follow('packetboat-shipper')
    two.b.follow('packetboat-applier')
    until('what it carries arrives by the line, too', two.is_equal)
    for i in (2, 3):
        two.a.deliver(i, 1000)
        two.a.write()
        until('a mail arrives', two.is_equal)
    # Nobody else visits meanwhile.
    said = two.a.ship('b', 'slow', ends=(4,)).stderr
    assert 'another shipper' in said, said
    assert not os.path.exists(go)
    [daemon] = two.a.daemons
    daemon.terminate()
    try:
        daemon.wait(1)
        raise AssertionError('it did not wait for a visit')
    except subprocess.TimeoutExpired:
        pass
    with open(go, 'w'):
        pass
    assert daemon.wait(PATIENCE) == 0
    assert os.path.exists(done)
    # Of its processes none goes on alone.
    daemon = two.a.follow('packetboat-shipper')

    def children():
        path = f'/proc/{daemon.pid}/task/{daemon.pid}/children'
        with open(path) as f:
            return [int(pid) for pid in f.read().split()]
    until('it is two', children)
    os.kill(children()[0], signal.SIGKILL)
    assert daemon.wait(PATIENCE) == 1
    assert 'was ended by somebody' in two.a.said()


def case_sync(two):
    """One cron line at each site."""
    two.by_stdio()
    for i in range(5):
        two.a.deliver(i, 1000)
    two.a.run('packetboat', 'sync')
    two.b.apply()
    two.assert_equal()
    two.a.run('packetboat', 'sync')
    status = two.a.run('packetboat', 'status', ends=(0, 3)).stdout
    assert 'has everything' in status, status
    # What nobody took was not handed over.
    two.by(f'tcp:127.0.0.1:{free_port()}')
    two.a.deliver(9, 1000)
    said = two.a.run('packetboat', 'sync', ends=(4,)).stderr
    assert 'refused' in said and 'handed over' not in said, said
    assert said.count('refused') == 1, said


def main():
    with Two() as two:
        try:
            globals()['case_' + sys.argv[1]](two)
        except BaseException:
            for site in (two.a, two.b):
                for child in site.daemons:
                    child.terminate()
                for name in sorted(os.listdir(site.top)):
                    if name.endswith('.said'):
                        print(f'--- {site.name}: {name}')
                        print(site.said(name[:-5])[-4000:])
            raise


if __name__ == '__main__':
    main()
