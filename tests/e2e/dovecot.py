"""A Dovecot of the test's own: loopback, free ports, one directory.

The system's Dovecot is never touched: everything this instance writes lies in
its directory, and it is stopped by the pid of the child that was started.

As root the server runs as packaged and the mail belongs to a numeric uid, so
nothing has to be added to /etc/passwd.  Otherwise (or with
unprivileged=True) the whole server runs as one user; then there is no LMTP,
which has to change its uid.
"""

import grp
import os
import pwd
import re
import shutil
import smtplib
import socket
import subprocess
import time

from imapclient import Imap

MAIL_UID = 5000
MAIL_GID = 5000
START_SECONDS = 20
STOP_SECONDS = 20

CONFIG = """\
instance_name = {name}
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = {protocols}
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
mail_max_userip_connections = 200
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
mail_location = maildir:{location}
passdb {{
  driver = static
  args = password=pw
}}
userdb {{
  {userdb}
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{services}
{extra}
"""

ONE_OWNER = """driver = static
  args = uid={uid} gid={gid} home={root}/home/%u"""

# static takes no variables for uid and gid.
MANY_OWNERS = """driver = passwd-file
  args = {root}/users"""

LMTP = """\
service lmtp {{
  unix_listener lmtp {{
    mode = 0600
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
"""

UNPRIVILEGED = """\
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class DovecotError(Exception):
    pass


def missing():
    """Why no Dovecot can be run here, or None."""
    for program in ('dovecot', 'doveadm'):
        if shutil.which(program, path=search_path()) is None:
            return '%s is not installed' % program
    return None


def search_path():
    return os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin'


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


class Dovecot:
    """layout: 'maildir++' or 'fs'; control, index: keep those files apart
    from the mail, in control/ and index/ of the user's home; inbox: INBOX is
    inbox/ of the user's home, and no part of the Maildir; owners: the
    users, with numbers for names: their mail belongs to that uid and gid."""

    def __init__(self, root, name='a', layout='maildir++', control=False,
                 index=False, inbox=False, unprivileged=False, extra='', owners=(),
                 uid=MAIL_UID, gid=MAIL_GID):
        self.root = os.path.join(root, name)
        self.name = name
        self.layout = layout
        self.control = control
        self.index = index
        self.inbox = inbox
        self.unprivileged = unprivileged or os.geteuid() != 0
        self.extra = extra
        self.owners = owners
        if os.geteuid() != 0:
            uid, gid = os.getuid(), os.getgid()
        elif unprivileged:
            # default_internal_user must have a name; nobody always has.
            uid, gid = pwd.getpwnam('nobody')[2:4]
        self.uid = uid
        self.gid = gid
        self.child = None
        self.imap_port = self.lmtp_port = 0
        self.log_read = 0
        self._directories()

    def _directories(self):
        # A unix socket's path holds 107 characters; Dovecot's longest here
        # is run/login/ssl-params and the like.
        if len(self.root) > 70:
            raise DovecotError('%s: path too long for unix sockets' %
                               self.root)
        for sub in ('', 'run', 'state', 'home'):
            os.makedirs(os.path.join(self.root, sub), exist_ok=True)
            os.chmod(os.path.join(self.root, sub), 0o755)
        os.chmod(os.path.dirname(self.root), 0o755)
        if os.geteuid() == 0:
            os.chown(os.path.join(self.root, 'home'), self.uid, self.gid)
            if self.owners:
                os.chmod(os.path.join(self.root, 'home'), 0o1777)
            if self.unprivileged:
                for sub in ('', 'run', 'state'):
                    os.chown(os.path.join(self.root, sub), self.uid, self.gid)

    def owner(self, user):
        """(uid, gid) of a user's mail."""
        return (int(user), int(user)) if self.owners else (self.uid, self.gid)

    # Where a user's mail lies.

    def home(self, user):
        return os.path.join(self.root, 'home', user)

    def maildir(self, user):
        return os.path.join(self.home(user), 'Maildir')

    def inbox_dir(self, user):
        if self.inbox:
            return os.path.join(self.home(user), 'inbox')
        return self.maildir(user)

    def control_dir(self, user):
        if self.control:
            return os.path.join(self.home(user), 'control')
        return self.maildir(user)

    def index_dir(self, user):
        if self.index:
            return os.path.join(self.home(user), 'index')
        return self.maildir(user)

    def folder_dir(self, user, folder, root=None):
        """Directory of a folder (mUTF-7 str, with this layout's
        separator) in the Maildir or another root of the same shape."""
        if folder == 'INBOX':
            return root or self.inbox_dir(user)
        root = root or self.maildir(user)
        if self.layout == 'fs':
            return os.path.join(root, folder)
        return os.path.join(root, '.' + folder)

    @property
    def separator(self):
        return '/' if self.layout == 'fs' else '.'

    # Life.

    def _write_config(self):
        self.imap_port = free_port()
        self.lmtp_port = free_port()
        location = '~/Maildir'
        if self.layout == 'fs':
            location += ':LAYOUT=fs'
        if self.control:
            location += ':CONTROL=~/control'
        if self.index:
            location += ':INDEX=~/index'
        if self.inbox:
            location += ':INBOX=~/inbox'
        services = LMTP.format(lmtp_port=self.lmtp_port)
        chroot = ''
        if self.unprivileged:
            user = pwd.getpwuid(self.uid).pw_name
            group = grp.getgrgid(self.gid).gr_name
            services = UNPRIVILEGED.format(user=user, group=group)
            chroot = 'chroot ='
        with open(self.config, 'w') as file:
            file.write(CONFIG.format(
                name='pb-e2e-%s-%d' % (self.name, os.getpid()),
                root=self.root, uid=self.uid, gid=self.gid,
                userdb=(MANY_OWNERS if self.owners else ONE_OWNER).format(
                    root=self.root, uid=self.uid, gid=self.gid),
                protocols='imap' if self.unprivileged else 'imap lmtp',
                location=location, imap_port=self.imap_port,
                services=services, chroot=chroot, extra=self.extra))
        os.chmod(self.config, 0o644)
        with open(os.path.join(self.root, 'users'), 'w') as file:
            file.writelines('%s::%s:%s::%s::\n' % (u, u, u, self.home(u))
                            for u in self.owners)

    @property
    def config(self):
        return os.path.join(self.root, 'dovecot.conf')

    @property
    def log(self):
        return os.path.join(self.root, 'log')

    def start(self):
        # A port that was free a moment ago may be taken by another test.
        for attempt in range(5):
            self._write_config()
            if self._start_once():
                return self
        raise DovecotError('%s does not start: %s' % (
            self.name, ''.join(self.log_lines()[-5:])))

    def _start_once(self):
        drop = {}
        if self.unprivileged and os.geteuid() == 0:
            drop = {'user': self.uid, 'group': self.gid, 'extra_groups': []}
        self.child = subprocess.Popen(
            [shutil.which('dovecot', path=search_path()), '-F', '-c',
             self.config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True, **drop)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.child.poll() is not None:
                why = self.child.stderr.read().decode(errors='replace')
                self.child.stderr.close()
                self.child = None
                if 'Address already in use' in why:
                    os.unlink(self.log)
                    return False
                raise DovecotError('%s: %s' % (self.name, why))
            if self._answers():
                return True
            time.sleep(0.05)
        self.stop()
        raise DovecotError('%s did not answer' % self.name)

    def _answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.imap_port),
                                          timeout=5) as probe:
                return probe.recv(4) == b'* OK'
        except OSError:
            return False

    def end(self):
        """Begins to stop: it takes a second, in which others may, too."""
        if self.child is not None:
            self.child.terminate()

    def stop(self):
        if self.child is None:
            return
        self.end()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stderr.close()
        self.child = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    # Use.

    def imap(self, user, **kwargs):
        return Imap(self.imap_port, user, **kwargs)

    def deliver(self, user, mail, sender='sender@example.org'):
        """One mail by LMTP; user may carry +folder."""
        with smtplib.LMTP('127.0.0.1', self.lmtp_port,
                          local_hostname='localhost') as lmtp:
            lmtp.sendmail(sender, [user], mail)

    def deliver_lda(self, user, mail, folder='INBOX'):
        """One mail by dovecot-lda, as an MTA runs it."""
        done = subprocess.run(
            ['/usr/lib/dovecot/dovecot-lda', '-c', self.config, '-d', user,
             '-m', folder, '-f', 'sender@example.org'], input=mail,
            capture_output=True)
        if done.returncode != 0:
            raise DovecotError('dovecot-lda: exit %d: %s' % (
                done.returncode, done.stderr.decode(errors='replace')))

    def doveadm(self, *args, check=True):
        done = subprocess.run(
            [shutil.which('doveadm', path=search_path()), '-c', self.config,
             *args], stdin=subprocess.DEVNULL, capture_output=True)
        if check and done.returncode != 0:
            raise DovecotError('doveadm %s: %s' % (
                ' '.join(args), done.stderr.decode(errors='replace')))
        return done.stdout

    # The log.

    # Lines of these levels that are no complaint, each with its reason.
    ALLOWED = (
        # stop() was here.
        r'master: Warning: Killed with signal 15 ',
    )
    # A client moves a mail out and back: Dovecot keeps its base name while
    # the old line lingers in the uidlist, and then warns of its own doing.
    # A folder deleted and made again by sessions that race: its index log,
    # or its tmp/, into which another session saves.
    # RENAME to a name below which one of its children's lies: that child
    # keeps its old name (Maildir++).
    # Seen without Packetboat; never allowed where only the applier writes.
    MOVED_BACK = (
        r'Warning: .*(/dovecot-uidlist: Duplicate file entry at line '
        r'|: Expunged message reappeared, giving a new UID )'
        r'|Error: .*: duplicate transaction log sequence '
        r'|Error: Mailbox .*: Corrupted transaction log file .* indexid changed'
        r'|Error: Mailbox .*: open\(.*/tmp/[^/]*\) failed: No such file or '
        r'|Error: rename\(.*\) failed: Directory not empty')

    def log_lines(self):
        try:
            with open(self.log, errors='replace') as file:
                return file.readlines()
        except FileNotFoundError:
            return []

    def complaints(self, allowed=()):
        """Error, Warning, Panic and Fatal lines since the last call."""
        lines = self.log_lines()
        new = lines[self.log_read:]
        self.log_read = len(lines)
        return ['%s: %s' % (self.name, line.rstrip('\n')) for line in new
                if re.search(r'\b(Error|Warning|Panic|Fatal): ', line)
                and not any(re.search(pattern, line)
                            for pattern in self.ALLOWED + tuple(allowed))]
