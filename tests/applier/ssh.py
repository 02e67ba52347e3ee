#!/usr/bin/env python3
"""Sites that reach their carrier, or each other, as an admin's would: the real
rsync over the real ssh, and a live link over it, to an sshd of the test's own
on loopback."""

import os
import shutil
import socket
import subprocess
import sys
import time

import plainsites

CHECKS = []
SSHD = '/usr/sbin/sshd'


def check(function):
    CHECKS.append(function)
    return function


class Server:
    """`hub` in a file for ssh -F."""

    def __init__(self, top):
        self.top = os.path.join(top, 'ssh')
        os.mkdir(self.top, 0o700)
        for name in ('host', 'user'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                            '-f', self.path(name)], check=True)
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self.write('sshd_config', '''\
Port %d
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
''' % (self.port, self.path('host'), self.path('user.pub')))
        with open(self.path('host.pub')) as file:
            self.write('known_hosts', '[127.0.0.1]:%d %s' % (
                self.port, file.read()))
        self.write('ssh_config', '''\
Host hub
  HostName 127.0.0.1
  Port %d
  IdentityFile %s
  UserKnownHostsFile %s
  BatchMode yes
''' % (self.port, self.path('user'), self.path('known_hosts')))
        if os.geteuid() == 0:
            os.makedirs('/run/sshd', 0o755, exist_ok=True)
        self.child = subprocess.Popen(
            [SSHD, '-D', '-e', '-f', self.path('sshd_config')],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.environ['RSYNC_RSH'] = 'ssh -F ' + self.path('ssh_config')
        end = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < end, 'sshd does not answer'
            time.sleep(0.05)

    def path(self, name):
        return os.path.join(self.top, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)

    def answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.child.terminate()
        self.child.wait()


@check
def mail_goes_over_ssh_and_waits_while_the_server_is_down(sites):
    place = os.path.join(sites.top, 'place')
    os.mkdir(place)
    server = Server(sites.top)
    try:
        a, b = sites.site('a'), sites.site('b')
        for site, other in ((a, b), (b, a)):
            site.peer(other, 'rsync:hub:' + place)
        a.run('media', 'init', 'rsync:hub:' + place)
        a.folder()
        a.save('one')
        a.run('sync')
        b.run('sync')
        assert b.files() == ['one:2,'], b.files()
    finally:
        server.stop()
    a.save('two')
    a.run('sync', code=4)
    a.says('hub:', 'Connection refused')
    sites.top, top = os.path.join(sites.top, 'again'), sites.top
    os.mkdir(sites.top)
    server = Server(sites.top)
    try:
        a.run('sync')
        b.run('sync')
    finally:
        server.stop()
        sites.top = top
    assert sorted(b.files()) == ['one:2,', 'two:2,'], b.files()


@check
def a_live_link_goes_over_ssh(sites):
    server = Server(sites.top)
    try:
        a, b = sites.site('a'), sites.site('b')
        a.peer(b, 'stdio:ssh -F %s hub %s -c %s ship --stdio' % (
            server.path('ssh_config'),
            os.path.join(plainsites.BIN, 'packetboat'), b.config))
        # b cannot call, and need not: it only writes down whom it knows.
        b.more += 'peer "a" { key = "%s" changes = "receive" }\n' % a.key
        b.write_config()
        a.folder()
        a.save('one')
        a.save('large', body='line of the large mail\n' * 100000)
        a.run('sync')
        b.run('apply')
        assert sorted(b.files()) == ['large:2,', 'one:2,'], b.files()
        a.run('sync')
        assert 'has everything' in a.run('status', code=None)
    finally:
        server.stop()
    a.save('two')
    a.run('sync', code=4)
    a.says('the line broke off')


if __name__ == '__main__':
    for program in ('rsync', 'ssh', 'ssh-keygen', SSHD):
        if not shutil.which(program):
            print('skipped: %s is not installed' % program)
            sys.exit(77)
    sys.exit(plainsites.main(CHECKS))
