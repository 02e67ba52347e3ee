#!/usr/bin/env python3
"""A peer that was away catches up though the segments that it needs are gone or
damaged: what they held is written out from the state."""

import os
import shutil
import sys

import plainsites

CHECKS = []
INBOX = '494e424f58' + '0' * 22


def check(function):
    CHECKS.append(function)
    return function


def folders(site):
    return sorted(name for name in os.listdir(site.mail)
                  if name == 'cur' or name.startswith('.'))


def mail(site):
    """All that a client sees."""
    found = {}
    for name in folders(site):
        name = '' if name == 'cur' else name
        found[name] = (sorted(site.files(name)), site.uids(name),
                       site.uidvalidity(name))
    return found


def equal(a, b):
    assert mail(a) == mail(b), 'a: %s\nb: %s' % (mail(a), mail(b))


def move(site, base, name, to):
    [old] = [f for f in site.files(name) if site.base(f) == base]
    os.rename(os.path.join(site.mail, name, 'cur', old),
              os.path.join(site.mail, to, 'cur', old))
    site.line(base, to)


def exchange(a, b, code=0):
    for site in (a, b, a, b):
        site.run('sync', code=code)


def paired(sites):
    """Both have ten mails, and the same."""
    a, b = sites.two()
    a.folder()
    for number in range(10):
        a.save('m%d' % number)
    exchange(a, b)
    equal(a, b)
    return a, b


def while_away(a):
    """What happens at a while b is away: some of every kind."""
    a.flag('m0', 'S')
    a.expunge('m1')
    a.save('new1', flags='F')
    a.run('write')
    a.folder('.Work', 1001, 'b')
    a.save('w1', '.Work')
    move(a, 'm2', '', '.Work')
    a.flag('m0', 'RS')
    a.flag('m3', 'F')
    a.run('write')
    a.flag('m3', '')
    a.expunge('new1')
    a.save('new2')
    a.run('write')
    move(a, 'new2', '', '.Work')
    a.save('new3')
    a.run('write')


def log_dir(site, name=''):
    return os.path.join(site.state, 'log', 'alice', name)


def segments(site, name=INBOX):
    top = log_dir(site, name)
    return sorted(os.path.join(top, file) for file in os.listdir(top))


def no_gap(*sites):
    for site in sites:
        assert site.run('gap', 'list').strip() == 'no gaps'
        site.run('check')


@check
def segments_that_somebody_deleted_are_not_needed(sites):
    a, b = paired(sites)
    while_away(a)
    shutil.rmtree(log_dir(a))
    a.run('check', code=1)
    assert 'missing, and the log ends in it' in a.said, a.said
    a.run('-v', 'ship')
    assert 'came from the state' in a.said, a.said
    exchange(a, b)
    equal(a, b)
    # The next change goes into a new segment, behind what is gone.
    a.flag('m4', 'S')
    exchange(a, b)
    equal(a, b)
    assert 'came from the state' not in a.said, a.said
    a.run('check', code=1)
    for name in ('m5', 'm6'):
        a.flag(name, 'S')
    a.save('w2', '.Work')
    a.folder('.Last', 1002, 'c')
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def a_copy_without_its_source_brings_no_body(sites):
    """Written out from the state a COPY names no source; the peer has the body
    all the same."""
    a, b = paired(sites)
    a.folder('.Work', 1001, 'b')
    a.run('write')
    for number in range(3):
        [old] = [f for f in a.files() if a.base(f) == 'm%d' % number]
        os.link(os.path.join(a.mail, 'cur', old),
                os.path.join(a.mail, '.Work', 'cur', old))
        a.line('m%d' % number, '.Work')
    a.run('write')
    assert ' copy ' in a.log(), a.log()
    shutil.rmtree(log_dir(a))
    a.run('-v', 'ship')
    assert 'came from the state' in a.said, a.said
    assert 'bod' not in a.said, a.said
    exchange(a, b)
    equal(a, b)
    assert a.run('gap', 'list').strip() == 'no gaps'
    no_gap(b)


@check
def they_are_a_gap_as_long_as_a_peer_lacks_them(sites):
    a, b = paired(sites)
    while_away(a)
    for path in segments(a):
        os.unlink(path)
    a.flag('m5', 'S')
    a.run('write')
    said = a.run('gap', 'list', code=3)
    assert 'its segments were removed' in said, said
    a.run('sync', code=3)
    for site in (b, a):
        site.run('sync')
    equal(a, b)
    assert a.run('gap', 'list').strip() == 'no gaps'


def flip(path, at):
    with open(path, 'r+b') as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


@check
def a_damaged_log_leaves_nobody_behind(sites):
    a, b = paired(sites)
    while_away(a)
    flip(segments(a)[-1], -20)
    a.run('ship', code=3)
    assert 'handed over from the state' in a.said, a.said
    b.run('sync')
    equal(a, b)
    # The writer puts it aside, and begins anew.
    a.flag('m5', 'S')
    a.run('write', code=3)
    assert 'was put aside' in a.said, a.said
    assert any('.damaged-' in name for name in os.listdir(log_dir(a)))
    exchange(a, b)
    equal(a, b)
    a.flag('m6', 'F')
    a.save('w3', '.Work')
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def a_damaged_log_that_was_put_aside_is_caught_up_with(sites):
    a, b = paired(sites)
    while_away(a)
    for path in segments(a):
        flip(path, -20)
    flip(segments(a, '0' * 32)[-1], -10)
    a.run('ship', code=3)
    a.run('write', code=3)
    aside = [n for n in os.listdir(log_dir(a)) if '.damaged-' in n]
    assert len(aside) == 2, aside
    gaps = a.run('gap', 'list', code=3).splitlines()
    assert len(gaps) == 2 and all('missing at b' in g for g in gaps), gaps
    for site in (b, a):
        site.run('sync')
    equal(a, b)
    no_gap(a, b)


@check
def a_peer_that_comes_late_gets_all_of_it(sites):
    a, b = paired(sites)
    while_away(a)
    shutil.rmtree(log_dir(a))
    c = sites.site('c')
    sites.pair(a, c)
    for site in (a, c, a, b, a):
        site.run('sync')
    equal(a, c)
    equal(a, b)
    for line in ('m7', 'm8'):
        a.flag(line, 'F')
    for site in (a, c, b, a):
        site.run('sync')
    equal(a, c)
    equal(a, b)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
