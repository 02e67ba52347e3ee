#!/usr/bin/env python3
"""Bundles and parcels that are not taken: sealed by somebody unknown, changed,
cut off, being copied.  A person is told each time; the others are taken all
the same, and nothing is lost."""

import json
import os
import shutil
import sys
import threading

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def bundles(carrier, ending='.pb'):
    return sorted(os.path.join(where, name)
                  for where, _, names in os.walk(carrier) for name in names
                  if name.endswith(ending))


def link(site):
    return json.loads(site.run('status', '--json', code=site.code))[
        'peers'][0]['links'][0]


def two(sites):
    a, b = sites.two()
    a.folder()
    a.save('one')
    a.code = b.code = 0
    return a, b


@check
def a_file_of_a_stranger_fails_and_says_what_to_do(sites):
    a, b = two(sites)
    c = sites.site('c')
    path = os.path.join(sites.top, 'strange.pb')
    c.folder()
    c.save('evil')
    c.peer(b, 'dir:/nowhere')
    c.run('write')
    c.run('ship', 'b', '--output', path)
    b.run('apply', path, code=1)
    b.says('bundle ' + path, 'sealed by an unknown key', '"key" in peer')
    assert not os.path.exists(b.mail)
    b.run('status')
    a.run('sync')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_carrier_with_a_strangers_bundle_says_so_and_serves_the_others(sites):
    a, b = two(sites)
    c = sites.site('c')
    c.folder('', 3000, 'c')
    c.save('evil')
    c.peer(b, 'dir:' + sites.carrier)
    c.run('sync')
    a.run('sync')
    before = bundles(sites.carrier)
    assert len(before) == 2
    b.run('sync', code=3)
    b.says('peer a: dir:' + sites.carrier, 'sealed by an unknown key',
           '"key" in peer')
    assert b.said.count('unknown key') == 1, b.said
    assert b.files() == ['one:2,'], b.files()
    left = [path for path in bundles(sites.carrier) if path in before]
    assert len(left) == 1, 'it is gone'
    b.code = 3
    assert link(b)['strangers'] == 1
    assert 'unknown key' in b.run('status', code=3)
    b.peer(c, 'dir:' + sites.carrier)
    b.run('sync')
    assert sorted(b.files()) == ['evil:2,', 'one:2,'], b.files()
    b.run('status')


@check
def a_peer_with_a_new_key_is_no_stranger_once_it_is_told(sites):
    a, b = two(sites)
    old = a.key
    shutil.rmtree(a.state)
    a.key = a.run('init').strip()
    a.run('sync')
    b.run('sync', code=3)
    b.says('peer a: ', 'sealed by an unknown key')
    b.more = b.more.replace(old, a.key)
    b.write_config()
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_link_that_both_call_sign_only_carries_what_everybody_can_read(sites):
    a, b = two(sites)
    sealed_a, sealed_b = a.more, b.more
    a.more = sealed_a.replace(' via', ' sign_only = yes via')
    a.write_config()
    a.run('sync')
    path = bundles(sites.carrier)[0]
    assert 'signed, for everybody to read' in b.run('log', path)
    # Only one of them says so.
    b.run('sync', code=3)
    b.says('signed only, and not sealed', 'sign_only')
    shutil.rmtree(os.path.join(b.state, 'refused'))
    b.more = sealed_b.replace(' via', ' sign_only = yes via')
    b.write_config()
    for site in (b, a, b):
        site.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def what_is_refused_without_end_fills_no_disk(sites):
    a, b = two(sites)
    old = b.more
    b.more = old.replace('via', 'changes = "send" via')
    b.write_config()
    aside = os.path.join(b.state, 'refused')
    os.mkdir(aside)
    for number in range(100):
        open(os.path.join(aside, 'a-%016x-00000000.parcel' % number),
             'w').close()
    a.run('sync')
    b.run('sync', code=3)
    b.says('removed', '100 parcels that were refused')
    assert len(os.listdir(aside)) == 100
    # It was not acknowledged: it comes again.
    b.more = old
    b.write_config()
    shutil.rmtree(aside)
    b.run('sync')
    a.run('sync')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_parcel_that_is_refused_is_put_aside_and_may_be_given_later(sites):
    a, b = two(sites)
    old = b.more
    b.more = old.replace('via', 'changes = "send" via')
    b.write_config()
    a.run('sync')
    b.run('sync', code=3)
    b.says('changes from here are not taken', 'put aside', 'refused/')
    refused = [os.path.join(b.state, 'refused', name)
               for name in os.listdir(os.path.join(b.state, 'refused'))]
    assert len(refused) == 1
    assert 'parcels were refused' in b.run('status', code=3)
    told = json.loads(b.run('status', '--json', code=3))['refusals']
    assert [(r['who'], r['count']) for r in told] == [('a', 1)], told
    b.run('apply', refused[0], code=1)
    b.more = old
    b.write_config()
    b.run('apply', refused[0])
    assert b.files() == ['one:2,'], b.files()
    assert not os.path.exists(refused[0])
    b.run('status')


@check
def a_changed_bundle_is_told_removed_and_sent_again(sites):
    a, b = two(sites)
    a.run('sync')
    for path in bundles(sites.carrier):
        with open(path, 'r+b') as file:
            file.seek(700)
            file.write(b'\xff')
    b.run('sync', code=1)
    b.says('.pb', 'bytes that were written to it')
    a.run('sync')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


def cut(path):
    os.truncate(path, os.path.getsize(path) * 2 // 3)


@check
def what_is_cut_off_is_told_and_sent_again(sites):
    for ending in ('.pb', '.whole', '.tmp'):
        a, b = two(plainsites.Sites())
        carrier = os.path.join(a.top, 'carrier1')
        a.run('sync')
        for path in bundles(carrier):
            manifest = path[:-3] + '.whole'
            if ending == '.pb':
                cut(path)
            else:
                os.unlink(manifest)
            if ending == '.tmp':
                os.rename(path, path[:-3] + '.tmp')
        b.run('sync')
        b.says('peer a: dir:' + carrier, 'incomplete: still being copied, '
               'or cut off; then its sender hands it over again')
        assert link(b)['incomplete'] == 1, link(b)
        assert 'incomplete' in b.run('status')
        b.run('sync')
        b.says('incomplete')
        a.run('sync')
        assert link(a)['incomplete'] == 0, link(a)
        b.run('sync')
        b.silent('incomplete')
        assert b.files() == ['one:2,'], b.files()
        shutil.rmtree(a.top)


@check
def what_is_being_copied_is_taken_when_it_is_whole(sites):
    a, b = two(sites)
    a.run('sync')
    path, = bundles(sites.carrier)
    with open(path, 'rb') as file:
        whole = file.read()
    cut(path)
    b.run('sync')
    b.says('incomplete')
    with open(path, 'wb') as file:
        file.write(whole)
    b.run('sync')
    b.silent('incomplete')
    assert b.files() == ['one:2,'], b.files()
    assert not os.path.exists(path)


@check
def what_becomes_whole_this_moment_is_nobodys_business(sites):
    """The sender is between the bundle and its manifest."""
    a, b = two(sites)
    a.run('sync')
    path, = bundles(sites.carrier, '.whole')
    os.rename(path, path + '.tmp')
    timer = threading.Timer(0.5, os.rename, (path + '.tmp', path))
    timer.start()
    b.run('sync')
    timer.join()
    b.silent('incomplete')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_file_that_is_cut_off_fails_and_the_whole_one_is_taken(sites):
    a, b = two(sites)
    path = os.path.join(sites.top, 'bundle.pb')
    a.run('write')
    a.run('ship', 'b', '--output', path)
    with open(path, 'rb') as file:
        whole = file.read()
    cut(path)
    b.run('apply', path, code=1)
    b.says(path)
    with open(path, 'wb') as file:
        file.write(whole)
    b.run('apply', path)
    assert b.files() == ['one:2,'], b.files()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
