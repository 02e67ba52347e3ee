"""An sshd of the test's own on loopback."""

import os
import socket
import subprocess
import time

SSHD = '/usr/sbin/sshd'


class Server:
    """`hub` in a file for ssh -F. keys: whom it lets in, as the AuthorizedKeysFile
    of sshd_config(5) says it; the key that is made here, where there are none."""

    def __init__(self, top, keys=None):
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
''' % (self.port, self.path('host'), keys or self.path('user.pub')))
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
