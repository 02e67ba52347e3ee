"""Set-ups of docs/operations.md, each as it is written there: configurations and
commands are taken from it, with this test's places for its own."""

import ctypes
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time

import compare
from cases import PATIENCE, CaseError, demand, maildir
from compare import differences
from packetboat import Site

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'support'))
import manual
from sshserver import SSHD, Server

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def why_not(name):
    """Why a case cannot run here, or None."""
    if name != 'setup_laptop':
        return None
    for program in ('ssh', 'ssh-keygen', SSHD):
        if not shutil.which(program):
            return '%s is not installed' % program
    if subprocess.run(['unshare', '--mount', 'true']).returncode != 0:
        return 'no mount namespace is to be had'
    return None


def quiet_port():
    """One that the kernel gives to nobody who asks for any."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


class Written(Site):
    """A site whose configuration is the manual's. Before it knows its peers'
    keys it has no peers."""

    def __init__(self, case, text, places, user=None):
        state = re.search(r'state = "([^"]*)"', text)[1]
        self.keys = {}
        self.text = manual.filled(text, places)
        name = re.match(r'site "(\w+)"', self.text)[1]
        if user is None:
            self.text = manual.filled(self.text, {state: os.path.join(
                case.directory, 'site-' + name, 'state')})
        super().__init__(case.directory, name, {}, user=user)
        case.sites.append(self)

    def _write_config(self):
        text = self.text if self.keys else self.text.split('peer "')[0]
        for name, key in self.keys.items():
            text, count = re.subn(
                r'(peer "%s" \{\s*key = )"pb1:\.\.\."' % name,
                r'\1"%s"' % key, text)
            if count != 1:
                raise CaseError('no peer %s in:\n%s' % (name, text))
        with open(self.config, 'w') as file:
            file.write(text)

    def replace(self, old, new):
        """In the configuration; daemons are not told."""
        self.text = manual.filled(self.text, {old: new})
        self._write_config()

    def type(self, block, places=None, ok=(0,)):
        """The commands of a block of the manual."""
        for words in manual.calls(manual.filled(block, places or {})):
            self.run(*words, ok=ok)

    def cron(self, block, codes=(0,)):
        """What cron would run now, with the little that cron gives it."""
        _, command = manual.cron(block)
        home = self.root
        as_user = self._as_user()
        as_user['env'] = {
            'HOME': as_user['env'].get('HOME', home), 'SHELL': '/bin/sh',
            'PATH': '/usr/bin:/bin', 'PACKETBOAT_CONF': self.config,
            **manual.environment(block)}
        if 'PATH' not in manual.environment(block):
            as_user['env']['PATH'] += ':' + self.programs
        done = subprocess.run(['/bin/sh', '-c', command], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=300, **{'cwd': home, **as_user})
        if done.returncode not in codes or done.stdout or done.stderr:
            raise CaseError('%s: %s: exit %d:\n%s%s' % (
                self.name, command, done.returncode, done.stdout,
                done.stderr))

    def status(self):
        return json.loads(self.run('status', '--json', ok=(0, 3)))

    def peer(self, name):
        return {p['name']: p for p in self.status()['peers']}[name]

    def link(self, peer, name):
        return {x['name']: x for x in self.peer(peer)['links']}[name]


def acquaint(*pairs):
    """Makes the sites, and tells each the keys of those that it has to know."""
    keys = {site: site.init() for site in {s for pair in pairs for s in pair}}
    for site in keys:
        site.keys = {other.name: keys[other] for pair in pairs
                     for other in pair if site in pair and other is not site}
        site._write_config()


def until(what, true, *sites):
    end = time.monotonic() + 3 * PATIENCE
    while not true():
        for site in sites:
            site.following()
        if time.monotonic() > end:
            raise CaseError('not within %d s: %s\n%s' % (
                3 * PATIENCE, what,
                '\n'.join(site.log_since(0) for site in sites)))
        time.sleep(0.1)


def listens(port):
    """Without a call, which would be one of a stranger."""
    for name in ('/proc/net/tcp', '/proc/net/tcp6'):
        with open(name) as file:
            if re.search(r'(?m):%04X \S+ 0A ' % port, file.read()):
                return True
    return False


def mail(token, size=200):
    """Text that does not compress."""
    rng = random.Random(token)
    lines = ''.join('%060x\r\n' % rng.getrandbits(240)
                    for _ in range(size // 62 + 1))
    return ('From: Mate <mate@example.org>\r\nTo: captain@example.org\r\n'
            'Subject: %s\r\nMessage-ID: <%s@example.org>\r\n\r\n%s' % (
                token, token, lines)).encode()


def shown(dovecot, user):
    """{"folder/subject": flags} of an account."""
    found = {}
    imap = dovecot.imap(user)
    try:
        for attributes, separator, name in imap.list():
            imap.select(name, examine=True)
            for _, values in imap.ok(b'UID', b'FETCH', b'1:*',
                                     b'(FLAGS BODY.PEEK[HEADER])').fetches():
                subject = re.search(rb'Subject: (\S+)', values[b'BODY[HEADER]'])
                found['%s/%s' % (name.decode(), subject[1].decode())] = {
                    flag.decode() for flag in values[b'FLAGS']} - {'\\Recent'}
    finally:
        imap.close()
    return found


def shows(dovecot, user, *names):
    """These and no others."""
    there = sorted(shown(dovecot, user))
    if there != sorted(names):
        raise CaseError('%s: %s shows %r, and not %r' % (
            dovecot.name, user, there, sorted(names)))


def flag(dovecot, user, flags, message=b'1'):
    imap = dovecot.imap(user)
    imap.select(b'INBOX')
    imap.ok(b'STORE', message, b'+FLAGS', b'(' + flags + b')')
    imap.close()


def unlike(source, target, there, here=None):
    """What of two users' accounts differs."""
    return differences(compare.take(source, there),
                       compare.take(target, here or there))


def clean(*dovecots):
    for dovecot in dovecots:
        demand(dovecot.complaints(), 'Dovecot complains')


# ---- a ship ----

def setup_ship(case):
    """A satellite that is dialled in its windows, and a stick in port."""
    found = manual.setup('A ship with a satellite link, and a stick in port')
    port = quiet_port()
    stick = os.path.join(case.directory, 'stick')
    os.mkdir(stick)
    shore_mail, ship_mail = case.dovecot('shore'), case.dovecot('ship')
    shore, ship = (
        Written(case, manual.the(found, 'site "%s"' % dovecot.name), {
            '/home/captain/Maildir': dovecot.maildir('captain'),
            '/media/usb': stick, address: '%s:%d' % (host, port)})
        for dovecot, address, host in (
            (shore_mail, '*:4470', '127.0.0.1'),
            (ship_mail, 'shore.example.org:4470', '127.0.0.1')))
    maildir(ship_mail, 'captain')
    acquaint((shore, ship))
    shore_mail.deliver('captain', mail('weather'))
    shore_mail.deliver('captain', mail('charts', 200000))
    shore.follow('write', 'ship', 'apply')
    until('shore listens', lambda: listens(port), shore)
    # Every minute of the day but those around this one; and all of them.
    cron = manual.the(found, 'root packetboat')
    window = 'window = { "06:00-07:00 UTC", "18:00-19:00 UTC" }'
    hour = time.gmtime().tm_hour
    closed = 'window = { "%02d:00-%02d:00 UTC" }' % (
        (hour + 6) % 24, (hour + 7) % 24)
    ship.replace(window, closed)
    until('the mail is logged', lambda: lag(shore, 'ship') > 2, shore)
    ship.cron(cron, codes=(4,))
    shows(ship_mail, 'captain')
    ship.type(manual.the(found, 'packetboat peer plan shore sat'))
    ship.run('apply')
    shows(ship_mail, 'captain', 'INBOX/weather')
    # Her own mail, and what is done ashore, go with cron's calls.
    ship.replace(closed, '')
    imap = ship_mail.imap('captain')
    imap.ok(b'CREATE', b'Sent')
    imap.append(b'Sent', mail('report'))
    imap.close()
    flag(shore_mail, 'captain', b'\\Seen')

    def called():
        ship.cron(cron, codes=(4,))     # of the stick
        return '\\Seen' in shown(ship_mail, 'captain')['INBOX/weather'] and \
            'Sent/report' in shown(shore_mail, 'captain')
    until('what was done goes by satellite', called, shore)
    # A mail that its server moves just now has no subject.
    until('the charts are held', lambda: [
        (one['subject'], one['goes_by']) for one in held_of(shore)
    ] == [('charts', 'stick')], shore)
    before = by_satellite(ship)
    # The daemon puts on a stick what the ship lacks.
    shore.type('packetboat media init /media/usb\n', {'/media/usb': stick})
    until('the charts are on the stick', lambda: held_of(shore)[0].get(
        'handed_over_by') == 'stick', shore)
    shows(ship_mail, 'captain', 'INBOX/weather', 'Sent/report')
    ship.type(manual.the(found, 'packetboat sync\n'))
    shows(ship_mail, 'captain', 'INBOX/charts', 'INBOX/weather', 'Sent/report')

    # Nothing goes twice, neither by satellite nor by the stick.
    def known():
        ship.cron(cron)
        return not held_of(shore) and not lag(shore, 'ship')
    until('shore knows', known, shore)
    if shown(shore_mail, 'captain') != shown(ship_mail, 'captain'):
        raise CaseError('not alike at both')
    more = by_satellite(ship) - before
    if more > 5000:
        raise CaseError('%d bytes more came by satellite' % more)
    shore.stop()
    left = sum(os.path.getsize(os.path.join(where, name))
               for where, _, names in os.walk(stick) for name in names)
    if left > 10000:    # a word of what arrived may lie there
        raise CaseError('%d bytes are on the stick again' % left)
    case.say('%d bytes by satellite, %d more once all had come by stick' % (
        before, more))
    clean(shore_mail, ship_mail)
    for site in (ship, shore):
        site.run('check')
        site.run('status')


def lag(site, peer):
    """Changes that the peer does not know, as far as known here."""
    return sum(a['lag_changes'] for a in site.peer(peer).get('accounts', ()))


def held_of(shore):
    return json.loads(shore.run('held', '--json', 'ship'))


def by_satellite(ship):
    return ship.link('shore', 'sat')['calls']['received_bytes']


# ---- a hub ----

def setup_hub(case):
    """Two stations, over TCP and over a directory, with their own names."""
    found = manual.setup('A hub with many stations')
    port = quiet_port()
    stick = os.path.join(case.directory, 'stick')
    os.mkdir(stick)
    hub_mail = case.dovecot('hub')
    mails = {name: case.dovecot(name) for name in ('ship1', 'ship2')}
    pattern = hub_mail.maildir('%n@%d')
    hub = Written(case, manual.the(found, 'site "hub"'), {
        '/var/vmail/%d/%n/Maildir': pattern, '*:4470': '127.0.0.1:%d' % port,
        '/media/usb': stick})
    text = manual.the(found, 'site "ship1"')
    via = 'via = "tcp:hub.example.org:4470"'
    other = re.search(r'at both: `(via = "[^"]*")`', ' '.join(
        manual.text('A hub with many stations').split()))[1]
    one = Written(case, text, {
        '/var/mail/%n/Maildir': mails['ship1'].maildir('%n'),
        via: via.replace('hub.example.org:4470', '127.0.0.1:%d' % port)})
    two = Written(case, text, {
        '"ship1"': '"ship2"', via: other.replace('/media/usb', stick),
        '/var/mail/%n/Maildir': mails['ship2'].maildir('%n')})
    acquaint((hub, one), (hub, two))
    hub.run('media', 'init', stick)
    for dovecot in mails.values():
        for user in ('fleet', 'captain'):
            maildir(dovecot, user)
    hub_mail.deliver('fleet@example.org', mail('orders'))
    for name in mails:
        hub_mail.deliver('captain@%s.example.org' % name, mail('to-' + name))
    maildir(hub_mail, 'root@example.org')
    hub_mail.deliver('root@example.org', mail('secret'))
    hub.follow('write', 'ship', 'apply')
    until('the hub listens', lambda: listens(port), hub)

    def arrived():
        for station in one, two:
            station.run('sync', ok=(0, 4))
        return all(set(shown(dovecot, 'fleet')) == {'INBOX/orders'} and
                   set(shown(dovecot, 'captain')) == {'INBOX/to-' + name}
                   for name, dovecot in mails.items())
    until('both have theirs', arrived, hub)
    # What is born at a station has the hub's name for it there.
    for name, dovecot in mails.items():
        imap = dovecot.imap('captain')
        imap.ok(b'CREATE', b'Sent')
        imap.append(b'Sent', mail('from-' + name))
        imap.close()
    flag(hub_mail, 'fleet@example.org', b'\\Seen')

    def heard():
        arrived()
        return all('Sent/from-' + name in shown(
            hub_mail, 'captain@%s.example.org' % name) and
            '\\Seen' in shown(dovecot, 'fleet')['INBOX/orders']
            for name, dovecot in mails.items())
    until('the hub has theirs, and they its flag', heard, hub)
    for name, dovecot in mails.items():
        demand(unlike(hub_mail, dovecot, 'captain@%s.example.org' % name,
                      'captain'), 'captain')
        demand(unlike(hub_mail, dovecot, 'fleet@example.org', 'fleet'),
               'fleet')
        if os.path.exists(dovecot.home('root')):
            raise CaseError('%s: root@example.org is no account of it' % name)
    hub.stop()
    clean(hub_mail, *mails.values())
    for site in (hub, one, two):
        site.run('check')
        site.run('status')


# ---- a diode ----

class Diode:
    """What is in one directory comes out of the other, or does not."""

    def __init__(self, there, here):
        self.there, self.here = there, here

    def carry(self, lost=False):
        """Returns how many files."""
        top = os.path.join(self.there, 'pb')
        files = [os.path.join(where, name)
                 for where, _, names in os.walk(top) for name in names
                 if name.endswith(('.pb', '.whole'))]
        for path in files:
            to = os.path.join(self.here, os.path.relpath(path, self.there))
            if lost:
                os.unlink(path)
                continue
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.move(path, to)
        return len(files)


def setup_diode(case):
    """Files go one way, some are lost, nothing ever comes back."""
    found = manual.setup('A diode')
    out, come = (os.path.join(case.directory, name) for name in ('out', 'in'))
    office_mail, archive_mail = case.dovecot('office'), case.dovecot('archive')
    for path in (out, come):
        os.mkdir(path)
    office, archive = (
        Written(case, manual.the(found, 'site "%s"' % dovecot.name), {
            '/home/alice/Maildir': dovecot.maildir('alice'), place: path})
        for dovecot, place, path in ((office_mail, '/srv/out', out),
                                     (archive_mail, '/srv/in', come)))
    maildir(archive_mail, 'alice')
    acquaint((office, archive))
    office.run('media', 'init', out)
    archive.run('media', 'init', come)
    diode = Diode(out, come)

    def trip(lost=False, ok=(0,)):
        office.run('sync')
        if not diode.carry(lost):
            raise CaseError('nothing went')
        archive.run('sync', ok=ok)

    for name in ('one', 'two'):
        office_mail.deliver('alice', mail(name))
    imap = office_mail.imap('alice')
    imap.ok(b'CREATE', b'Lists')
    imap.append(b'Lists', mail('list'))
    imap.close()
    shown(office_mail, 'alice')
    trip()
    demand(unlike(office_mail, archive_mail, 'alice'), 'at first')
    # One bundle is lost; the next repeats what it held.
    office_mail.deliver('alice', mail('lost'))
    trip(lost=True)
    flag(office_mail, 'alice', b'\\Seen')
    trip()
    demand(unlike(office_mail, archive_mail, 'alice'), 'one was lost')
    # Too many are.
    for number in range(3):
        office_mail.deliver('alice', mail('gone%d' % number))
        shown(office_mail, 'alice')
        trip(lost=True)
    flag(office_mail, 'alice', b'\\Flagged')
    trip(ok=(3,))
    gaps = archive.run('gap', 'list', ok=(3,))
    if 'was handed over and did not come' not in gaps:
        raise CaseError('nothing is told of what was lost:\n' + gaps)
    resend = manual.the(found, 'packetboat resend archive\n')
    office.type(resend)
    trip()
    demand(unlike(office_mail, archive_mail, 'alice'), 'handed over again')
    archive.run('gap', 'list')
    # What was lost without mail, a table mends.
    imap = office_mail.imap('alice')
    imap.select(b'INBOX')
    imap.ok(b'STORE', b'2', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()
    trip(lost=True)
    for number in b'\\Draft', b'\\Answered', b'\\Deleted':
        flag(office_mail, 'alice', number)
        trip(lost=number != b'\\Deleted', ok=(0, 3))
    archive.run('gap', 'list', ok=(3,))
    office.type(manual.the(found, 'packetboat scan alice Lists'),
                {'Lists': 'INBOX'})
    trip()
    demand(unlike(office_mail, archive_mail, 'alice'), 'by its table')
    archive.run('gap', 'list')
    # By hand, a file at a time.
    office_mail.deliver('alice', mail('by-hand'))
    shown(office_mail, 'alice')
    office.run('write')
    ship, take = manual.calls(manual.filled(
        manual.the(found, '--output'), {'/srv/out': out, '/srv/in': come}))
    office.run(*ship)
    shutil.move(ship[-1], take[-1])
    archive.run(*take)
    demand(unlike(office_mail, archive_mail, 'alice'), 'by hand')
    # Nothing was said behind it.
    demand([name for _, _, names in os.walk(os.path.join(come, 'pb'))
            for name in names], 'left or made behind the diode')
    clean(office_mail, archive_mail)
    for site in (office, archive):
        site.run('check')
        site.run('status')


# ---- a laptop ----

def own_world(case, homes):
    """From here on this process has mounts of its own: the programs are in
    /usr/local/bin, as installed, and the owners of these homes are users."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(function, *args):
        if function(*args) != 0:
            raise OSError(ctypes.get_errno(), function.__name__)

    def put(source, there):
        call(libc.mount, source.encode(), there.encode(), None, MS_BIND, None)

    call(libc.unshare, CLONE_NEWNS)
    call(libc.mount, b'none', b'/', None, MS_REC | MS_PRIVATE, None)
    programs = os.path.join(case.directory, 'bin')
    shutil.copytree(os.environ['PB_BIN'], programs)
    put(programs, '/usr/local/bin')
    users = os.path.join(case.directory, 'passwd')
    shutil.copy('/etc/passwd', users)
    with open(users, 'a') as file:
        for name, (home, uid) in homes.items():
            file.write('%s:*:%d:%d::%s:/bin/sh\n' % (name, uid, uid, home))
    put(users, '/etc/passwd')


class Owned(Written):
    """As a user, with what is installed."""

    def __init__(self, case, text, places, dovecot, name):
        self.home = dovecot.home('me')
        self.login = name
        super().__init__(case, text, places, user=(dovecot.uid, dovecot.gid))

    @property
    def config(self):
        return os.path.join(self.home, '.config', 'packetboat',
                            'packetboat.conf')

    @property
    def programs(self):
        return '/usr/local/bin'

    def command(self, *args):
        return ['packetboat', *args]    # it finds the configuration itself

    def _as_user(self):
        return {**super()._as_user(), 'cwd': self.home,
                'env': {'HOME': self.home, 'USER': self.login,
                        'PATH': '/usr/local/bin:/usr/bin:/bin'}}

    def sh(self, command):
        done = subprocess.run(['/bin/sh', '-c', command], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60, **self._as_user())
        if done.returncode != 0:
            raise CaseError('%s: %s: exit %d\n%s%s' % (
                self.name, command, done.returncode, done.stdout,
                done.stderr))

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        with open(path, 'w') as file:
            file.write(text)
        os.chown(path, *self.user)
        os.chmod(path, mode)


def setup_laptop(case):
    """Two users who are not root, ssh, and a key that may do one thing."""
    found = manual.setup('By ssh from a laptop, by cron and without root')
    mails = {'laptop': case.dovecot('laptop', uid=5001, gid=5001),
             'home': case.dovecot('home', uid=5002, gid=5002)}
    own_world(case, {'pb' + name: (dovecot.home('me'), dovecot.uid)
                     for name, dovecot in mails.items()})
    sites = {}
    for name, dovecot in mails.items():
        maildir(dovecot, 'me')
        for sub in ('.config', '.config/packetboat', '.ssh'):
            path = os.path.join(dovecot.home('me'), sub)
            os.mkdir(path, 0o700)
            os.chown(path, dovecot.uid, dovecot.gid)
        sites[name] = Owned(case, manual.the(found, 'site "%s"' % name),
                            {'/home/me': dovecot.home('me')}, dovecot,
                            'pb' + name)
    laptop, home = sites['laptop'], sites['home']
    acquaint((laptop, home))
    server = Server(case.directory, keys='.ssh/authorized_keys')
    case.readers.append(server)
    laptop.file('.ssh/config', 'Host home\n  HostName 127.0.0.1\n  Port %d\n'
                '  User pbhome\n' % server.port)
    with open(server.path('known_hosts')) as file:
        laptop.file('.ssh/known_hosts', file.read())
    laptop.sh(manual.filled(manual.the(found, 'ssh-keygen'),
                            {'/home/me': laptop.home}))
    with open(os.path.join(laptop.home, '.ssh', 'id_packetboat.pub')) as file:
        home.file('.ssh/authorized_keys', manual.filled(
            manual.the(found, 'restrict,command='),
            {'ssh-ed25519 AAAA...\n': file.read()}))
    cron = manual.the(found, '* * *')
    mails['home'].deliver('me', mail('hello'))
    laptop.cron(cron)
    shows(mails['laptop'], 'me', 'INBOX/hello')
    # What it brings is placed there when it is over.
    imap = mails['laptop'].imap('me')
    imap.ok(b'CREATE', b'Sent')
    imap.append(b'Sent', mail('answer'))
    imap.close()
    mails['home'].deliver('me', mail('more', 100000))
    laptop.cron(cron)
    until('the answer is placed at home', lambda: 'Sent/answer' in shown(
        mails['home'], 'me'))
    laptop.cron(cron)
    demand(unlike(mails['home'], mails['laptop'], 'me'), 'not alike')
    until('all is acknowledged', lambda: laptop.cron(cron) or not (
        lag(laptop, 'home') or lag(home, 'laptop')))
    # The key is good for nothing else.
    via = re.search(r'stdio:([^"]*)"', laptop.text)[1]
    done = subprocess.run(['/bin/sh', '-c', via + ' id'], timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          **laptop._as_user())
    if b'uid=' in done.stdout:
        raise CaseError('the key runs any command')
    server.stop()
    laptop.cron(cron, codes=(4,))
    clean(*mails.values())
    for site in sites.values():
        site.run('check')
        site.run('status')


CASES = {case.__name__: case for case in (
    setup_ship, setup_hub, setup_diode, setup_laptop)}
