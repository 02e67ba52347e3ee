"""Sticks, files, and what is wrong with them."""

import os
import shutil
import subprocess

import compare
from cases import USER, CaseError, Pair, demand, mail_of, maildir
from compare import differences
from packetboat import Site, account_of


def bundles(medium):
    """Paths of the bundles on a medium."""
    return sorted(os.path.join(where, name)
                  for where, _, files in os.walk(medium)
                  for name in files if name.lower().endswith('.pb'))


def _contents(top):
    return {os.path.join(where, name): os.stat(os.path.join(
        where, name)).st_mtime_ns for where, _, files in os.walk(top)
        for name in files}


def refused(site, command, code, *words):
    """The command ends with that code and says those words; 0: it is done,
    with a word of what is not."""
    before = os.path.getsize(site.log)
    site.run(*command, ok=(code,))
    said = site.log_since(before)
    missing = [word for word in words if word not in said]
    if missing:
        raise CaseError('%s %s does not say %r:\n%s' % (
            site.name, ' '.join(command), missing, said))


class Sticks(Pair):
    """Two sites that have no peer yet, and a third that shares a stick with
    them."""

    def __init__(self, case):
        super().__init__(case)
        self.third = case.dovecot('third')
        maildir(self.third, USER)
        self.third_site = Site(case.directory, 'third',
                               {USER: account_of(self.third, USER)})
        case.sites.append(self.third_site)
        self.keys = {site.name: site.init() for site in (
            self.from_site, self.to_site, self.third_site)}
        self.user = case.random_user(self.source)

    def stick(self, name):
        path = os.path.join(self.case.directory, name)
        os.makedirs(path, exist_ok=True)
        return path

    def peers(self, *paths):
        """Links of these names and paths, the same at all sites."""
        links = {os.path.basename(path): 'dir:' + path for path in paths}
        for other in (self.to_site, self.third_site):
            self.from_site.add_peer(other.name, links=links,
                                    key=self.keys[other.name])
            other.add_peer(self.from_site.name, links=links,
                           key=self.keys[self.from_site.name])

    def pictures_equal(self, dovecot):
        demand(differences(compare.take(self.source, USER),
                           compare.take(dovecot, USER)),
               '%s differs' % dovecot.name)

    def all_equal(self):
        self.pictures_equal(self.target)
        self.pictures_equal(self.third)
        self.clean()
        demand(self.third.complaints(), 'Dovecot complains')

    def change(self):
        self.user.ops(self.case.args.ops)
        compare.take(self.source, USER)     # gives mail in new/ its UID
        self.write()


def sticks(case):
    """Sticks between three sites, as people treat them."""
    all_sites = Sticks(case)
    for part in (_not_prepared, _two_bundles_two_sites, _two_sticks,
                 _read_only, _broken_copies, _files, _strangers):
        case.say(part.__name__)
        part(all_sites)
    all_sites.check()
    all_sites.third_site.run('check')


def _not_prepared(s):
    """Without its marker a directory is no medium, and stays untouched."""
    stick = s.stick('stick')
    s.peers(stick)
    s.change()
    for command in (('ship',), ('sync',)):
        refused(s.from_site, command, 4, stick, 'packetboat media init')
    refused(s.to_site, ('sync',), 4, stick)
    demand(sorted(_contents(stick)), 'something was written there')
    s.from_site.run('media', 'init', stick)


def _two_bundles_two_sites(s):
    """Two bundles on one stick for each of two sites; the stick is gone for
    a while in between."""
    stick = s.stick('stick')
    s.from_site.run('ship')
    s.change()
    s.from_site.run('ship')
    if len(bundles(stick)) != 4:
        raise CaseError('not two bundles for two sites: %r' % bundles(stick))
    pulled = stick + '.pulled'
    os.rename(stick, pulled)
    for site in (s.from_site, s.to_site):
        refused(site, ('sync',), 4, stick)
    os.mkdir(stick)     # the empty mount point
    refused(s.to_site, ('sync',), 4, stick)
    demand(sorted(_contents(stick)), 'something was written there')
    os.rmdir(stick)
    os.rename(pulled, stick)
    for site in (s.to_site, s.third_site, s.from_site):
        site.run('sync')
    s.all_equal()
    s.from_site.run('ship')
    demand(bundles(stick)[2:], 'the stick fills up')


def _two_sticks(s):
    """Two under way at once; one is lost, then the other arrives late."""
    first, second = s.stick('first'), s.stick('second')
    for path in (first, second):
        s.from_site.run('media', 'init', path)
    s.peers(first, second)
    os.rename(second, second + '.away')
    s.change()
    s.from_site.run('ship', ok=(4,))
    os.rename(first, first + '.away')
    os.rename(second + '.away', second)
    s.change()
    s.from_site.run('ship', ok=(4,))
    # The second holds all that was not acknowledged: enough by itself.
    for site in (s.to_site, s.third_site):
        site.run('sync', ok=(4,))
    s.all_equal()
    os.rename(first + '.away', first)
    for site in (s.to_site, s.third_site, s.from_site):
        site.run('sync')
    s.all_equal()
    s.peers(s.stick('stick'))


def _read_only(s):
    """From what cannot be written is collected, as often as one likes."""
    stick = s.stick('stick')
    s.change()
    s.from_site.run('ship')
    before = _contents(stick)
    mount = s.stick('mount')
    s.peers(mount)
    subprocess.run(['mount', '--bind', stick, mount], check=True)
    try:
        subprocess.run(['mount', '-o', 'remount,bind,ro', mount], check=True)
        for _ in range(2):
            for site in (s.to_site, s.third_site):
                refused(site, ('ship',), 0, mount, 'read-only')
                site.run('apply')
        s.all_equal()
    finally:
        subprocess.run(['umount', mount], check=True)
        s.peers(stick)
    demand([path for path in before if _contents(stick).get(path) !=
            before[path]], 'a read-only medium was changed')
    for site in (s.to_site, s.third_site, s.from_site):
        site.run('sync')
    s.all_equal()


def _broken_copies(s):
    """What a person copied in a hurry: cut, changed, without its manifest.
    Nothing of it is taken, and the next whole one heals all."""
    stick, copy = s.stick('stick'), s.stick('copy')
    shutil.rmtree(copy)
    s.change()
    s.from_site.run('ship')
    shutil.copytree(stick, copy)
    s.peers(copy)
    before = [compare.take(dovecot, USER) for dovecot in (s.target, s.third)]
    for path in bundles(copy):
        with open(path, 'r+b') as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes((byte[0] ^ 0x10,)))
    for site in (s.to_site, s.third_site):
        size = os.path.getsize(site.log)
        site.run('sync', ok=(1, 3))
        if '.pb' not in site.log_since(size):
            raise CaseError('%s does not name the bundle' % site.name)
    for path in bundles(copy):  # still being copied, for all one can tell
        os.truncate(path, os.path.getsize(path) * 2 // 3)
    for site in (s.to_site, s.third_site):
        site.run('sync')
    for dovecot, picture in zip((s.target, s.third), before):
        demand(differences(picture, compare.take(dovecot, USER)),
               'something of a broken bundle was taken')
    s.peers(stick)
    for site in (s.to_site, s.third_site, s.from_site):
        site.run('sync')
    s.all_equal()
    shutil.rmtree(copy)


def _files(s):
    """`ship --output FILE`, by mail if need be; the same again; and the
    acknowledgement the same way."""
    there = os.path.join(s.case.directory, 'there.pb')
    home = os.path.join(s.case.directory, 'home.pb')
    s.change()
    s.from_site.run('ship', 'target', '--output', there)
    for _ in range(2):
        s.to_site.run('apply', there)
    s.pictures_equal(s.target)
    s.to_site.run('ship', 'source', '--output', home)
    s.from_site.run('apply', home)
    os.unlink(there)
    s.from_site.run('ship', 'target', '--output', there)
    demand([there] if os.path.exists(there) else [],
           'what was acknowledged is handed over again')
    s.from_site.run('ship')
    for site in (s.third_site, s.to_site, s.from_site):
        site.run('sync')
    s.all_equal()


def _strangers(s):
    """A bundle of somebody whom nobody here knows; one that is another
    site's; a file that is none."""
    stranger = Site(s.case.directory, 'stranger',
                    {USER: account_of(s.source, USER)})
    stranger.init()
    stranger.add_peer('target', key=s.keys['target'], links={})
    stranger.run('write')
    path = os.path.join(s.case.directory, 'strange.pb')
    stranger.run('ship', 'target', '--output', path)
    before = compare.take(s.target, USER)
    refused(s.to_site, ('apply', path), 1, path, 'unknown key')
    s.user.ops(20)
    s.write()
    s.from_site.run('ship', 'third', '--output', path)
    refused(s.to_site, ('apply', path), 1, path)
    with open(path, 'wb') as file:
        file.write(mail_of(s.case, b'pb-no-bundle'))
    s.to_site.run('apply', path, ok=(1, 3))
    demand(differences(before, compare.take(s.target, USER)),
           'something of a stranger was taken')
    s.from_site.run('ship')
    for site in (s.third_site, s.to_site, s.from_site):
        site.run('sync')
    s.all_equal()


CASES = {case.__name__: case for case in (sticks,)}
