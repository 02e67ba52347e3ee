#!/usr/bin/env python3
"""What the programs say to a person who looks on, and with what exit code:
counts as they are, no word of what did not happen, errors once."""

import os
import re
import shutil
import subprocess
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def mount(size, path):
    """A file system of its own, or False: only root may."""
    os.mkdir(path)
    return os.geteuid() == 0 and subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=' + size, 'tmpfs', path],
        stderr=subprocess.DEVNULL).returncode == 0


def free(path):
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


@check
def what_was_done_is_counted(sites):
    a, b = sites.two()
    for site in (a, b):
        site.folder()
        site.folder('.Box', guid='b')
    a.save('one')
    a.save('two', '.Box')
    a.run('write')
    a.says(' changes in 2 folders\n')
    a.save('three', '.Box')
    a.run('write')
    assert re.search(r'changes? in 1 folder\n', a.said), a.said
    a.run('write')
    assert a.said == '', a.said
    a.run('ship')
    a.says(', 3 bodies (')
    a.silent(' 0 ', ' 1 bodies')
    b.run('sync')
    b.says(': 1 parcel collected (', ' 1 parcel taken: ', ', 3 bodies\n',
           ' 3 messages placed\n')
    b.silent(' 0 ')


@check
def many_folders_are_counted(sites):
    a = sites.site('a')
    a.folder()
    for i in range(150):
        name = '.Box%d' % i
        a.folder(name)
        a.uidlist(name, '3 V1000 N1 G%032x' % (i + 1))
        a.save('one', name)
        a.save('two', name)
    a.run('write')
    a.says(' in 151 folders\n')


@check
def messages_that_wait_are_counted_once(sites):
    a, b = sites.two()
    for site in (a, b):
        site.folder()
    for base in ('one', 'two', 'three'):
        a.save(base)
    a.run('write')
    for base in ('one', 'two', 'three'):
        os.rename(os.path.join(a.mail, 'cur', base + ':2,'),
                  os.path.join(a.top, base))
    a.run('ship')
    a.says('3 bodies are in no mail folder any more')
    b.run('sync')
    b.says('3 messages wait for their bodies')
    b.run('status')


@check
def every_account_that_is_not_there_is_named(sites):
    a, b = sites.two()
    a.accounts = 'accounts { maildir = "%s/%%n" }' % a.mail
    b.accounts = 'account "alice" { maildir = "%s/alice" }' % b.mail
    for site in (a, b):
        site.write_config()
    for name in ('alice', 'bob', 'carol'):
        a.folder(name)
        a.save('one', name)
    b.folder('alice')
    a.run('sync')
    b.run('sync', code=3)
    b.says('account bob: there is none', 'account carol: there is none')
    assert b.said.count('account bob: there') == 1, b.said
    assert len(b.files('alice')) == 1, b.said


@check
def an_error_is_said_once(sites):
    a, _ = sites.two()
    a.folder()
    shutil.rmtree(sites.carrier)
    a.run('sync', code=4)
    assert a.said.count('not mounted') == 1, a.said
    a.run('-q', 'sync', code=4)
    assert a.said == '', a.said


@check
def a_wrong_call_says_what_is_wrong(sites):
    a, b = sites.two()
    a.folder()
    a.run('ship', 'nobody', code=2)
    a.says('there is no peer "nobody"')
    a.run('ship', 'b', 'nolink', code=2)
    a.says('peer b has no link "nolink"')
    a.run('ship', '--collect', '--hand-over', code=2)
    a.says('usage:')
    a.run('apply', os.path.join(a.top, 'nothing.pb'), code=1)
    a.says('nothing.pb')
    a.run('media', 'init', os.path.join(a.top, 'nowhere'), code=2)
    a.says('no such directory (mount the medium, or make it)')
    c = sites.site('c')
    c.folder()
    c.run('ship', code=2)
    c.says('there is no peer in the configuration')
    c.more = 'peer "b" { key = "%s" }\n' % b.key
    c.write_config()
    c.run('ship', code=2)
    c.says('no peer has a link')
    c.run('ship', 'b', code=2)
    c.says('peer b has no link')


@check
def halves_of_shipping_can_be_asked_for(sites):
    a, b = sites.two()
    for site in (a, b):
        site.folder()
    a.save('one')
    a.run('sync')
    b.run('ship', '--hand-over')
    b.silent('collected')
    b.run('ship', '--collect')
    b.says('1 parcel collected')
    b.silent('hand over')


@check
def nobody_works_on_the_state_of_another(sites):
    if os.geteuid() != 0:
        return
    a = sites.site('a')
    a.folder()
    os.chown(a.state, 12345, 12345)
    for command in ('write', 'ship', 'apply', 'status'):
        a.run(command, code=2)
        a.says('belongs to uid 12345', 'run as its owner')


@check
def no_account_is_said(sites):
    a = sites.site('a')
    a.accounts = 'accounts { maildir = "%s/%%n" }' % a.mail
    a.write_config()
    assert 'no mail folder fits' in a.run('status')


@check
def a_small_stick_takes_what_it_can(sites):
    a, b = sites.site('a'), sites.site('b')
    stick = os.path.join(sites.top, 'stick')
    if not mount('3m', stick):
        return
    try:
        for site, other in ((a, b), (b, a)):
            site.folder()
            site.peer(other, 'dir:' + stick)
        a.run('media', 'init', stick)
        for i in range(4):
            a.save('m%d' % i, body=os.urandom(500000).hex())
        a.run('sync')
        a.says('no room there for')
        for _ in range(6):
            b.run('sync')
            a.run('sync')
        b.run('sync')
        assert len(b.files()) == 4, (a.said, b.said)
        a.silent('no room')
    finally:
        subprocess.run(['umount', stick], check=True)


@check
def a_medium_of_small_files_takes_several_bundles(sites):
    a, b = sites.two()
    for site in (a, b):
        site.folder()
    a.more = a.more.replace(' }', ' max_file = "8M" }')
    a.write_config()
    for i in range(3):
        a.save('m%d' % i, body=os.urandom(7000000).hex())
    a.run('write')
    a.run('ship')
    bundles = re.search(r' bytes handed over in (\d+) bundles: ', a.said)
    assert bundles, a.said
    sizes = [os.path.getsize(os.path.join(where, name))
             for where, _, names in os.walk(sites.carrier)
             for name in names if name.endswith('.pb')]
    assert len(sizes) == int(bundles[1]) >= 3, sizes
    assert max(sizes) <= 8 << 20, sizes
    a.run('ship')       # and they are under way, all of them
    a.says('nothing to hand over')
    b.run('sync')
    assert len(b.files()) == 3, b.said
    a.run('sync')
    a.run('status')


@check
def a_full_disk_takes_nothing_and_says_so(sites):
    a, b = sites.two()
    disk = os.path.join(sites.top, 'disk')
    if not mount('8m', disk):
        return
    try:
        for site in (a, b):
            site.folder()
        os.chmod(disk, 0o700)
        state = os.path.join(disk, 'state')
        shutil.move(b.state, state)
        b.state = state
        b.write_config()
        a.save('one')
        a.save('big', body=os.urandom(1500000).hex())
        a.run('sync')
        b.run('write')      # its state is there
        with open(os.path.join(disk, 'filler'), 'wb') as file:
            file.write(bytes(free(disk) - 370000))
        b.run('sync', code=3)
        b.says('nothing is taken until there is room')
        assert b.said.count('until there is room') == 1, b.said
        assert 'of the disk is free' in b.run('status', code=3)
        os.unlink(os.path.join(disk, 'filler'))
        b.run('sync')
        assert len(b.files()) == 2, b.said
        b.run('status')
    finally:
        subprocess.run(['umount', disk], check=True)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
