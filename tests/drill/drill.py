#!/usr/bin/env python3
"""The repair drill: every case of docs/recovery.md is brought about between two
sites, and mended by the manual's own commands, as they are written there.

    drill.py RECOVERY.MD [HEADING]...

A case is a function that makes things go wrong; at each `yield` the section's
next transcript is played, what is left at its end.  Then the messages that the
section quotes have to have been printed, both sites have to hold the same mail,
and neither may say anything is wrong.  $PB_BIN: where the programs are;
$PB_STATE_SQL: tests/support/state_sql.c; $CLOCKSHIM: clockshim.c, built.
"""

import os
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'applier'))
import plainsites
import transcript
from retention import setting
from truncation import equal, flip

PART = 'Case by case'
SHAPE = ('**You notice**', '**What has happened**', '**What to do**',
         '**It is over**')
SYSTEMCTL = """\
#!/bin/sh
# No daemons run here; their names have to be those of our units.
[ "$1" = stop ] || [ "$1" = start ] || exit 2
shift
for unit; do
	[ -f %s/$unit.service ] || exit 2
done
"""
CASES = {}
# Are we in a mount namespace of our own? Then what we mount goes with us.
MOUNTS = 'PB_DRILL_MOUNTS' in os.environ


class Skipped(Exception):
    pass


def case(heading):
    def keep(function):
        CASES[heading] = function
        return function
    return keep


class Drill:
    """Sites "aurora", where alice's mail is at home, and "shore"."""

    def __init__(self, sites):
        self.top = sites.top
        self.aurora, self.shore = sites.site('aurora'), sites.site('shore')
        self.stick = sites.pair(self.aurora, self.shore)
        self.backup = os.path.join(self.top, 'backup')
        os.mkdir(self.backup)
        stubs = os.path.join(self.top, 'stubs')
        os.mkdir(stubs)
        with open(os.path.join(stubs, 'systemctl'), 'w') as file:
            file.write(SYSTEMCTL % os.path.join(HERE, '..', '..', 'tools',
                                                'systemd'))
        os.chmod(os.path.join(stubs, 'systemctl'), 0o755)
        self.player = transcript.Player(stubs)
        for site in (self.aurora, self.shore):
            self.player.add(site, self.stands_for(site))
        self.same = equal       # what the two have to be at last
        self.mounted = []       # to be gone before it is removed
        self.left = (self.aurora, self.shore)   # who is to be equal at last
        self.aurora.folder()
        for number in range(10):
            self.aurora.save('m%d' % number)
        self.exchange()
        equal(self.aurora, self.shore)

    def clone(self):
        """Aurora's machine, a second time: what is on its disk, and the same
        media."""
        clone = object.__new__(plainsites.Site)
        clone.__dict__.update(self.aurora.__dict__, name='copy')
        for what in ('config', 'mail', 'state'):
            setattr(clone, what, clone.path(what))
        copy(self.aurora.state, clone.state)
        copy(self.aurora.mail, clone.mail)
        with open(self.aurora.config) as file:
            text = file.read()
        for what in ('mail', 'state'):
            text = text.replace(getattr(self.aurora, what),
                                getattr(clone, what))
        with open(clone.config, 'w') as file:
            file.write(text)
        self.player.add(clone, self.stands_for(clone))
        return clone

    def stands_for(self, site):
        return {'/home/alice/Maildir': site.mail,
                '/var/lib/packetboat': site.state,
                '/etc/packetboat/packetboat.conf': site.config,
                '/media/usb': self.stick, '/backup': self.backup}

    def exchange(self):
        for site in (self.aurora, self.shore) * 2:
            site.run('sync')

    def away(self):
        """What users do at aurora that shore does not hear of yet."""
        self.aurora.flag('m0', 'S')
        self.aurora.expunge('m1')
        self.aurora.save('new1', flags='F')
        self.aurora.run('write')
        self.aurora.flag('m0', 'RS')
        self.aurora.save('new2')
        self.aurora.run('write')

    def over(self):
        """Both are equal, stay so, and say that all is well."""
        if self.left == (self.aurora, self.shore):
            self.exchange()
            self.same(self.aurora, self.shore)
            self.aurora.flag('m4', 'FS')
            self.aurora.save('after')
            self.exchange()
            self.same(self.aurora, self.shore)
        for site in self.left:
            site.run('status')
            assert site.run('gap', 'list') == 'no gaps\n'
            site.run('check')


def inbox_log(site):
    return os.path.join(site.state, 'log', 'alice', '494e424f58' + '0' * 22)


def segment(site):
    top = inbox_log(site)
    return os.path.join(top, sorted(os.listdir(top))[-1])


def copy(source, target):
    """As cp -a and rsync -a do it: other files, the same dates."""
    shutil.copytree(source, target)


def same_files(a, b):
    assert sorted(a.files()) == sorted(b.files()), (a.files(), b.files())


def bases(site):
    return {site.base(file) for file in site.files()}


# ---- the cases ----

def tidy_up(d):
    """A user removes most of a folder."""
    for number in range(80):
        d.aurora.expunge('old%d' % number)


@case('Expunges wait')
def expunges_wait(d):
    for number in range(110):
        d.aurora.save('old%d' % number)
    d.exchange()
    tidy_up(d)
    yield
    yield
    d.shore.run('sync', code=3)
    d.shore.run('guard', 'accept', 'alice')
    d.shore.run('sync')
    assert len(bases(d.shore)) == 40


@case('Expunges by peers wait')
def expunges_by_peers_wait(d):
    def unguarded():
        tidy_up(d)
        d.aurora.run('write', code=3)
        d.aurora.run('guard', 'accept', 'alice', 'INBOX')
        d.aurora.run('sync')

    for number in range(110):
        d.aurora.save('old%d' % number)
    d.exchange()
    unguarded()
    yield
    for number in range(80):
        d.aurora.save('old%d' % number)
    yield
    assert len(bases(d.shore)) == 120
    unguarded()
    yield
    assert len(bases(d.shore)) == 40


@case('A peer that shows less')
def a_peer_that_shows_less(d):
    d.aurora.folder('.Work', guid='b')
    for number in range(110):
        d.aurora.save('w%d' % number, '.Work')
    d.exchange()
    block = d.aurora.more
    d.aurora.more = block.replace('{ key', '{ send = { "INBOX" } key', 1)
    d.aurora.write_config()
    d.aurora.run('sync')
    yield
    d.aurora.more = block
    d.aurora.write_config()
    yield
    assert len(d.shore.files('.Work')) == 110


@case('A folder that differs')
def differing_folder(d):
    # A register that rotted: what is touched next is summed up anew.
    d.shore.sql("UPDATE message SET mtime = mtime + 60 WHERE base = 'm2'")
    d.aurora.flag('m2', 'S')
    d.aurora.run('sync')
    yield


@case('A damaged log')
def damaged_log(d):
    d.away()
    flip(segment(d.aurora), -20)
    yield


@case('Segments that were removed')
def removed_segments(d):
    d.away()
    shutil.rmtree(os.path.join(d.aurora.state, 'log', 'alice'))
    yield
    # What the section says: until the logs' next changes.
    d.aurora.folder('.Work', 1001, 'b')
    d.aurora.flag('m5', 'S')


@case('A UID list that went back')
def uidlist_went_back(d):
    lines = d.aurora.uidlist('')
    d.aurora.save('late1')
    d.aurora.save('late2')
    d.exchange()
    d.aurora.uidlist('', *lines)
    yield
    assert d.aurora.uids()[11] == 'late1'


def restore_mail(d):
    """A backup of aurora's mail takes the place of what came later."""
    kept = os.path.join(d.backup, 'Maildir')
    copy(d.aurora.mail, kept)
    d.aurora.flag('m1', 'S')
    d.aurora.expunge('m2')
    for base in ('n1', 'n2'):
        d.aurora.save(base)
    d.exchange()
    shutil.rmtree(d.aurora.mail)
    copy(kept, d.aurora.mail)


@case('Mail that was restored on purpose')
def restored_on_purpose(d):
    restore_mail(d)
    yield
    yield
    yield
    assert 'm2' in bases(d.shore) and 'n1' not in bases(d.shore)


@case('Mail of an older copy')
def older_copy(d):
    restore_mail(d)
    yield
    yield
    yield
    assert 'm2' not in bases(d.aurora) and {'n1', 'n2'} < bases(d.aurora)


@case('Mail that was restored for a user')
def restored_for_a_user(d):
    restore_mail(d)
    d.same = same_files         # of UIDs the section says that they differ
    yield
    yield
    yield
    assert {'m2', 'n1', 'n2'} < bases(d.aurora)


@case('Mail that the disk spoilt')
def spoilt_mail(d):
    [file] = [f for f in d.aurora.files() if f.startswith('m3:')]
    path = os.path.join(d.aurora.mail, 'cur', file)
    was = os.stat(path)
    flip(path, -3)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    yield
    yield
    with open(path) as file:
        assert 'Body of m3' in file.read()


@case('Mail that is not mounted')
def not_mounted(d):
    mail = d.aurora.mail
    os.rename(mail, mail + '.disk')
    for sub in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(mail, sub))
    yield
    shutil.rmtree(mail)         # mount
    os.rename(mail + '.disk', mail)
    yield
    assert len(bases(d.aurora)) == 10


@case('A damaged state')
def damaged_state(d):
    d.away()
    d.aurora.run('sync')
    # A page that nothing needs to open it.
    page = int(d.aurora.sql("SELECT rootpage FROM sqlite_schema"
                            " WHERE name = 'message_hash'"))
    size = int(d.aurora.sql('PRAGMA page_size'))
    flip(os.path.join(d.aurora.state, 'accounts', 'alice', 'state.db'),
         page * size - size // 2)
    yield


@case('A state that was lost')
def lost_state(d):
    d.away()
    for part in ('accounts', 'log'):
        shutil.rmtree(os.path.join(d.aurora.state, part, 'alice'))
    yield
    yield
    yield
    assert {'new1', 'new2'} < bases(d.shore) and 'm1' not in bases(d.shore)


@case('Mail that was seeded')
def seeded_mail(d):
    shutil.rmtree(d.shore.state)
    shutil.rmtree(d.shore.mail)
    copy(d.aurora.mail, d.shore.mail)
    d.away()
    was, d.shore.key = d.shore.key, d.shore.run('init').strip()
    d.aurora.more = d.aurora.more.replace(was, d.shore.key)
    d.aurora.write_config()
    yield
    yield
    assert 'm1' not in bases(d.shore) and 'm0:2,RS' in d.shore.files()


@case('A state that was restored')
def restored_state(d):
    kept = d.aurora.state + '.kept'
    copy(d.aurora.state, kept)
    d.away()
    d.exchange()
    shutil.rmtree(d.aurora.state)
    os.rename(kept, d.aurora.state)
    d.aurora.save('new3')
    yield


@case('A machine from an old image')
def old_image(d):
    kept = {path: path + '.kept' for path in (d.aurora.state, d.aurora.mail)}
    for path in kept:
        copy(path, kept[path])
    d.away()
    d.exchange()
    for path in kept:
        shutil.rmtree(path)
        os.rename(kept[path], path)
    yield
    yield
    assert {'new1', 'new2'} < bases(d.aurora)
    assert 'm1' not in bases(d.aurora)


@case('A site that was copied to a second machine')
def cloned_site(d):
    clone = d.clone()
    d.away()
    d.exchange()
    clone.save('of-the-copy')
    for site in (clone, d.shore):
        site.run('sync', code=None)
    yield
    d.aurora.save('of-the-original')
    yield
    assert 'of-the-original' in bases(d.shore)
    yield
    assert 'of-the-copy' not in bases(d.shore)


@case('Logs that reached their cap')
def logs_at_their_cap(d):
    setting(d.aurora, 'log_cap = "32K"')
    for number, letter in enumerate('bcd'):
        d.aurora.folder('.F%d' % number, 2000 + number, letter)
        d.aurora.save('f%d' % number, '.F%d' % number)
    d.aurora.run('write')
    # It is looked at when much was logged.
    for number in range(1000):
        d.aurora.save('n%d' % number)
    yield
    yield
    assert len(bases(d.shore)) == 1010


@case('The disk is full')
def full_disk(d):
    if not MOUNTS:
        raise Skipped('it needs a file system of its own, and root')
    state, kept = d.aurora.state, d.aurora.state + '.kept'
    shutil.copytree(state, kept)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=700', 'none',
                    state], check=True)
    d.mounted.append(state)
    shutil.copytree(kept, state, dirs_exist_ok=True)
    d.exchange()                # it notices that it was moved, and joins
    room = os.statvfs(state)
    with open(os.path.join(state, 'old-backup.tar'), 'wb') as file:
        file.write(bytes(room.f_bavail * room.f_bsize))
    d.aurora.flag('m2', 'S')
    d.aurora.save('unlucky')
    yield
    yield
    yield
    d.exchange()
    assert 'unlucky' in bases(d.shore)


@case('The key was lost')
def lost_key(d):
    key = os.path.join(d.aurora.state, 'key')
    shutil.copy(key, d.backup)
    d.away()
    os.unlink(key)
    yield


@case('A key that is lost for good')
def key_lost_for_good(d):
    d.away()
    d.exchange()
    d.aurora.save('unsent')
    os.unlink(os.path.join(d.aurora.state, 'key'))
    with open(os.path.join(d.backup, 'aurora-line'), 'w') as file:
        file.write(d.aurora.key)
    yield
    yield
    key = d.aurora.run('key').strip()
    assert key.startswith('pb1:') and len(key) == 64
    d.shore.more = d.shore.more.replace(d.aurora.key, key)
    d.shore.write_config()
    yield
    yield
    assert 'unsent' in bases(d.shore) and len(bases(d.shore)) == 12


@case('A key that was stolen')
def stolen_key(d):
    d.away()
    yield
    key = d.aurora.run('key').strip()
    d.shore.more = d.shore.more.replace(d.aurora.key, key)
    d.shore.write_config()
    yield
    yield


@case('A peer that is gone for good')
def gone_peer(d):
    d.away()
    d.aurora.run('sync')
    d.left = (d.aurora,)
    yield
    yield
    d.aurora.more = ''
    d.aurora.write_config()
    yield
    assert len(bases(d.aurora)) == 11


@case('An account that is gone')
def gone_account(d):
    shutil.rmtree(d.aurora.mail)
    d.left = (d.aurora,)
    yield
    d.aurora.accounts = ''
    d.aurora.write_config()
    yield
    yield
    assert not os.listdir(os.path.join(d.aurora.state, 'accounts'))
    assert len(bases(d.shore)) == 10


@case('A clock that was years off')
def wrong_clock(d):
    time.sleep(1)
    d.player.env['aurora'] = {'LD_PRELOAD': os.environ['CLOCKSHIM'],
                              'CLOCK_OFF': '-500000000',
                              'CLOCK_SINCE': str(int(time.time()))}
    d.aurora.flag('m0', 'F')
    d.aurora.save('then')
    yield
    del d.player.env['aurora']
    d.aurora.flag('m0', 'S')   # later, and so it counts
    yield
    assert 'm0:2,S' in d.shore.files() and 'then' in bases(d.shore)


@case('A stick from last year')
def old_stick(d):
    d.aurora.save('then')
    d.aurora.run('sync')
    copy(d.stick, d.stick + '.drawer')
    d.exchange()
    for number in range(5):
        d.aurora.flag('m%d' % number, 'S')
        if number == 3:
            d.aurora.expunge('then')
        d.aurora.save('since%d' % number)
        d.exchange()
    shutil.rmtree(d.stick)
    os.rename(d.stick + '.drawer', d.stick)
    yield
    assert 'then' not in bases(d.shore)


# ---- running them ----

def shape(heading, text):
    """What a section has to have, in this order."""
    at = 0
    for word in SHAPE:
        found = text.find('\n' + word, at)
        if found < 0:
            raise transcript.Wrong('%s: no %s in its place' % (heading, word))
        at = found
    if not transcript.blocks(text):
        raise transcript.Wrong('%s: no transcript' % heading)


def run(heading, text):
    shape(heading, text)
    sites = plainsites.Sites()
    drill = None
    try:
        drill = Drill(sites)
        left = transcript.blocks(text)
        for _ in CASES[heading](drill):
            drill.player.play(left.pop(0))
        for block in left:
            drill.player.play(block)
        for quote in transcript.quotes(text):
            if not drill.player.heard(quote):
                raise transcript.Wrong('never printed: %s' % quote)
        drill.over()
    finally:
        for path in drill.mounted if drill else ():
            subprocess.run(['umount', '--lazy', path])
        sites.close()


def own_mounts(argv):
    """Begins again in a mount namespace of our own, where that can be had."""
    unshare = ['unshare', '--mount', '--']
    if not MOUNTS and os.geteuid() == 0 and shutil.which('unshare') and (
            subprocess.run([*unshare, 'true']).returncode == 0):
        os.environ['PB_DRILL_MOUNTS'] = '1'
        os.execvp('unshare', [*unshare, sys.executable, '-B', *argv])


def main(argv):
    own_mounts(argv)
    with open(argv[1]) as file:
        manual = transcript.sections(file.read(), PART)
    failed = 0
    for heading in sorted(set(manual) ^ set(CASES)):
        failed += 1
        print('FAILED %s: only in the %s' % (
            heading, 'manual' if heading in manual else 'drill'))
    for heading in argv[2:] or [h for h in manual if h in CASES]:
        begin = time.monotonic()
        try:
            run(heading, manual[heading])
            print('ok %s (%.1f s)' % (heading, time.monotonic() - begin),
                  flush=True)
        except Skipped as why:
            print('skipped %s: %s' % (heading, why))
        except Exception:  # noqa: BLE001: told, and the next one
            failed += 1
            print('FAILED %s\n%s' % (heading, traceback.format_exc()),
                  flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
