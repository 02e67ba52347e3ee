"""A Packetboat site of the test's own: its configuration, its state, its
programs.  The programs are found in $PB_BIN."""

import os
import shutil
import signal
import subprocess

RUN_SECONDS = 300
STOP_SECONDS = 30


class SiteError(Exception):
    pass


def missing():
    """Why no Packetboat can be run here, or None."""
    bin_dir = os.environ.get('PB_BIN')
    if not bin_dir:
        return 'PB_BIN names no build'
    for program in ('packetboat', 'packetboat-writer', 'packetboat-shipper',
                    'packetboat-applier'):
        if not os.access(os.path.join(bin_dir, program), os.X_OK):
            return '%s is not built' % program
    return None


def quoted(text):
    return '"%s"' % text.replace('\\', '\\\\').replace('"', '\\"')


class Site:
    """accounts: {name: {key: value}} as the configuration has them."""

    def __init__(self, root, name, accounts, pattern=None, user=None):
        self.name = name
        self.root = os.path.join(root, 'site-' + name)
        self.accounts = accounts
        self.pattern = pattern  # maildir of the accounts block
        self.user = user        # (uid, gid) to run as, None: as we are
        self.settings = {}      # more keys of the site block
        self.env = {}           # more of its programs' environment
        # name: {key: value} of its block; links: {name: via}
        self.peers = {}
        self.daemons = {}       # command: child
        os.makedirs(self.root)
        if user is not None:
            os.chown(self.root, *user)
        self._write_config()

    @property
    def config(self):
        return os.path.join(self.root, 'packetboat.conf')

    @property
    def state(self):
        return os.path.join(self.root, 'state')

    @property
    def log(self):
        return os.path.join(self.root, 'log')

    def _write_config(self):
        lines = ['site %s {' % quoted(self.name),
                 '  state = %s' % quoted(self.state)]
        lines += ['  %s = %s' % (key, quoted(value))
                  for key, value in self.settings.items()]
        lines.append('}')
        for name, values in self.accounts.items():
            lines.append('account %s {' % quoted(name))
            lines += ['  %s = %s' % (key, quoted(value))
                      for key, value in values.items()]
            lines.append('}')
        if self.pattern is not None:
            lines += ['accounts {', '  maildir = %s' % quoted(self.pattern),
                      '}']
        for name, values in self.peers.items():
            lines.append('peer %s {' % quoted(name))
            lines += ['  %s = %s' % (key, quoted(value))
                      for key, value in values.items() if key != 'links']
            lines += ['  link %s { via = %s }' % (quoted(link), quoted(via))
                      for link, via in values.get('links', {}).items()]
            lines.append('}')
        with open(self.config, 'w') as file:
            file.write('\n'.join(lines) + '\n')

    def set(self, **settings):
        """These keys of the site block, and no others."""
        self.settings = settings
        self._write_config()

    # Its programs.

    @property
    def programs(self):
        """Where they are: another user may not come to the build."""
        if self.user is None:
            return os.environ['PB_BIN']
        copies = os.path.join(self.root, 'bin')
        if not os.path.exists(copies):
            shutil.copytree(os.environ['PB_BIN'], copies)
        return copies

    def command(self, *args):
        return [os.path.join(self.programs, 'packetboat'), '-c', self.config,
                *args]

    def _as_user(self):
        if self.user is None:
            return {'env': {**os.environ, **self.env}}
        return {'user': self.user[0], 'group': self.user[1],
                'extra_groups': [],
                'env': {**os.environ, 'HOME': self.root, **self.env}}

    def run(self, *args, ok=(0,)):
        """Runs one packetboat command, returns what it printed."""
        with open(self.log, 'a') as log:
            log.write('$ packetboat %s\n' % ' '.join(args))
            log.flush()
            before = log.tell()
            try:
                done = subprocess.run(self.command(*args), text=True,
                                      stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=log,
                                      timeout=RUN_SECONDS,
                                      **self._as_user())
            except subprocess.TimeoutExpired:
                raise SiteError('%s: packetboat %s: still running after %d s'
                                % (self.name, ' '.join(args), RUN_SECONDS))
        if done.returncode not in ok:
            raise SiteError('%s: packetboat %s: exit %d\n%s%s' % (
                self.name, ' '.join(args), done.returncode, done.stdout,
                self.log_since(before)))
        return done.stdout

    def sql(self, user, text):
        """The state, behind the back of everything that keeps sums."""
        return subprocess.run(
            [os.environ['PB_STATE_SQL'],
             os.path.join(self.state, 'accounts', user, 'state.db'), text],
            stdout=subprocess.PIPE, text=True, check=True).stdout

    def log_since(self, offset):
        with open(self.log, errors='replace') as file:
            file.seek(offset)
            return file.read()

    def init(self):
        """Makes the site; returns its key line."""
        self.run('init')
        lines = self.run('key').split('\n')
        return [line for line in lines if line][-1].strip()

    def add_peer(self, name, **values):
        self.peers[name] = values
        self._write_config()

    # Daemons.

    def follow(self, *commands):
        """Starts `COMMAND --follow` as children; write alone by default."""
        for command in commands or ('write',):
            with open(self.log, 'a') as log:
                log.write('$ packetboat %s --follow &\n' % command)
                log.flush()
                self.daemons[command] = subprocess.Popen(
                    self.command(command, '--follow'),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, **self._as_user())

    def following(self):
        """Complains if a daemon went by itself."""
        for command, child in self.daemons.items():
            if child.poll() is not None:
                raise self._ended(command, child)

    def _ended(self, command, child):
        return SiteError('%s: %s --follow ended with %d\n%s' % (
            self.name, command, child.returncode,
            self.log_since(0)[-2000:]))

    def stop(self):
        """Stops the daemons; each has to end by itself, with 0."""
        failed = None
        for child in self.daemons.values():
            if child.poll() is None:
                child.terminate()
        for command, child in self.daemons.items():
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)    # its own session
                child.wait()
                failed = SiteError('%s: %s --follow does not stop'
                                   % (self.name, command))
            if child.returncode != 0 and failed is None:
                failed = self._ended(command, child)
        self.daemons = {}
        if failed is not None:
            raise failed


def account_of(dovecot, user):
    """The account block for a user of a test's Dovecot."""
    values = {'maildir': dovecot.maildir(user)}
    if dovecot.layout == 'fs':
        values['layout'] = 'fs'
    if dovecot.control:
        values['control'] = dovecot.control_dir(user)
    if dovecot.index:
        values['index'] = dovecot.index_dir(user)
    if dovecot.inbox:
        values['inbox'] = dovecot.inbox_dir(user)
    return values


def pair(source, target, carrier, to_source=None, to_target=None):
    """Inits both sites and makes them peers over one dir: carrier; more
    keys of the peer blocks: to_target of the source's for the target."""
    keys = {site.name: site.init() for site in (source, target)}
    medium(carrier, source)
    via = 'dir:' + carrier
    source.add_peer(target.name, key=keys[target.name], via=via,
                    **(to_target or {}))
    target.add_peer(source.name, key=keys[source.name], via=via,
                    **(to_source or {}))


def medium(path, site):
    """A directory that carries bundles."""
    os.makedirs(path)
    if site.user is not None:
        os.chown(path, *site.user)
    site.run('media', 'init', path)


def carry(source, target):
    """One trip there, and the acknowledgements home."""
    source.run('ship')
    target.run('sync')
    source.run('sync')
