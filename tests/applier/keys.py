#!/usr/bin/env python3
"""A site changes its key: nothing under way is lost, nobody is believed who
should not be, and no peer is asked for more than to put a line into its
configuration."""

import json
import os
import shutil
import socket
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def two(sites):
    a, b = sites.two()
    a.folder()
    a.save('one')
    exchange(a, b)
    return a, b


def exchange(*sites):
    for site in sites * 2:
        site.run('sync')


def known_as(site, old, new):
    """What the operator does there."""
    assert old in site.more
    site.more = site.more.replace(old, new)
    site.write_config()


def rotate(site):
    """Returns the line before; site.key is the new one."""
    old, site.key = site.key, site.run('key', 'rotate').strip()
    site.says('back up', 'packetboat key retire')
    assert site.key != old and len(site.key) == 64, site.key
    assert site.run('key').strip() == site.key
    return old


def bases(site):
    return sorted(site.base(file) for file in site.files())


def kept(site, peer, name):
    """What would be handed over now, in a file: a stick that comes late."""
    path = os.path.join(site.top, name)
    site.run('ship', peer.name, '--output', path)
    return path


def bundle(carrier):
    [found] = [os.path.join(where, name) for where, _, names in
               os.walk(carrier) for name in names if name.endswith('.pb')]
    return found


def secrets(site):
    with open(os.path.join(site.state, 'key')) as file:
        return [line for line in file if line.startswith('secret ')]


@check
def a_key_changes_while_bundles_are_under_way_both_ways(sites):
    a, b = two(sites)
    a.save('two')
    a.run('write')
    late_from = kept(a, b, 'late_from')
    a.run('sync')
    b.run('sync')               # what answers lies there too
    late_for = shutil.copy(bundle(sites.carrier), sites.top)
    a.save('three')
    a.run('sync')
    [secret] = secrets(a)
    old = rotate(a)
    assert 'still used with b' in a.run('status')
    a.run('key', 'retire', code=1)
    a.says('peer b: it did not say yet')
    a.run('key', 'rotate', code=1)
    a.save('four')
    a.run('sync')               # what was for the old key, and for both
    a.silent('refused', 'put aside')
    b.run('sync', code=3)
    b.says('peer a: it has a new key', 'key = "%s"' % a.key)
    assert bases(b) == ['four', 'one', 'three', 'two'], bases(b)
    assert a.key in b.run('status', code=3)
    # Until somebody does it the old one goes on, and nobody is asked twice.
    a.save('five')
    a.run('sync')
    b.run('sync')
    a.run('sync')
    a.run('key', 'retire', code=1)
    known_as(b, old, a.key)
    b.run('sync')
    a.run('sync')
    assert 'packetboat key retire' in a.run('status', code=3)
    assert b.run('status')
    a.run('apply', late_for)
    b.run('apply', late_from)
    # Now what goes to it goes with the new one.
    a.save('six')
    a.run('sync')
    a.run('key', 'retire')
    assert secret not in secrets(a) and len(secrets(a)) == 1
    b.run('sync')
    a.run('sync')
    b.run('sync')
    assert bases(b) == ['five', 'four', 'one', 'six', 'three', 'two']
    for site in (a, b):
        assert site.run('check') is not None and site.run('status')
    # What was made with or for the old one is nothing any more.
    a.run('apply', late_for, code=1)
    a.says('not authentic')
    b.run('apply', late_from, code=1)
    b.says('not authentic')
    # And once more, with the origin that it had from the first.
    origin = json.loads(a.run('status', '--json'))['origin']
    old = rotate(a)
    a.run('sync')
    b.run('sync', code=3)
    known_as(b, old, a.key)
    exchange(b, a)
    a.run('key', 'retire')
    a.save('seven')
    exchange(a, b)
    assert 'seven' in bases(b)
    told = json.loads(a.run('status', '--json'))
    assert told['origin'] == origin and told['key_serial'] == 2, told


@check
def a_peer_that_was_away_misses_both_keys_and_gets_all(sites):
    a, b = two(sites)
    c = sites.site('c')
    sites.pair(a, c)
    exchange(a, c, b)
    old = rotate(a)
    # Somebody told its people before it was announced: what was made with the
    # old key is refused, and comes again.
    known_as(b, old, a.key)
    a.save('early')
    a.run('sync')
    b.run('sync', code=3)
    a.run('sync')
    b.run('sync')
    shutil.rmtree(os.path.join(b.state, 'refused'))
    assert bases(b) == ['early', 'one']
    a.run('sync')
    a.run('key', 'retire', code=1)
    a.says('peer c')
    a.run('key', 'retire', '--force')
    a.save('two')
    a.run('sync')
    b.run('sync')
    assert bases(b) == ['early', 'one', 'two']
    # All is there that was made with the old key, and what says that it goes,
    # and what was made with the new one; but it answers to the old one.
    c.run('sync', code=3)
    c.says('it has a new key', a.key)
    c.silent('put aside')
    assert bases(c) == ['early', 'one', 'two']
    a.run('sync', code=3)
    a.says('not authentic', 'put aside')
    known_as(c, old, a.key)
    exchange(c, a)
    shutil.rmtree(os.path.join(a.state, 'refused'))
    a.run('status')
    a.save('three')
    exchange(a, c, b)
    assert bases(c) == bases(b) == ['early', 'one', 'three', 'two']
    c.run('status')


@check
def a_key_is_followed_where_the_configuration_says_so(sites):
    a, b = two(sites)
    b.more = b.more.replace('{', '{ follow_key = yes', 1)
    b.write_config()
    for name in ('two', 'three'):
        rotate(a)
        a.save(name)
        a.run('sync')
        b.run('sync')
        b.silent('new key')
        a.run('sync')
        b.run('sync')
        a.run('key', 'retire')
        exchange(a, b)
        assert name in bases(b)
        a.run('status')
        b.run('status')


def old_twin(a):
    """Whoever copied the state, key and all, before it was changed."""
    twin = object.__new__(plainsites.Site)
    twin.__dict__.update(a.__dict__, name='twin', more=a.more)
    for what in ('mail', 'state'):
        setattr(twin, what, twin.path(what))
        shutil.copytree(getattr(a, what), getattr(twin, what))
    twin.config = twin.path('conf')
    twin.accounts = a.accounts.replace(a.mail, twin.mail)
    twin.write_config()
    return twin


@check
def a_stolen_key_is_of_no_use_when_it_is_revoked(sites):
    a, b = two(sites)
    a.save('two')
    a.run('write')
    thief = old_twin(a)
    old = rotate(a)
    a.run('sync')
    b.run('sync', code=3)
    known_as(b, old, a.key)
    forged = kept(thief, b, 'forged')
    b.run('peer', 'revoke', 'a')
    b.run('apply', forged, code=1)
    b.says('not authentic')
    b.run('sync')
    a.run('sync')
    a.run('key', 'retire')
    # The old statement of both keys, played again, changes nothing.
    a.save('three')
    exchange(a, b)
    b.run('apply', forged, code=1)
    assert bases(b) == ['one', 'three', 'two'], bases(b)


@check
def two_keys_after_one_are_told_to_be_a_thiefs(sites):
    a, b = two(sites)
    thief = old_twin(a)
    old = rotate(a)
    a.run('sync')
    b.run('sync', code=3)
    # The thief, who has the old key, announces another one.
    thief.key = old
    rotate(thief)
    b.run('apply', kept(thief, b, 'forged'), code=3)
    b.says("one of them is a thief's")
    assert "one of them is a thief's" in b.run('status', code=3)
    assert thief.key != a.key
    known_as(b, old, a.key)
    b.run('peer', 'revoke', 'a')
    b.run('sync')
    a.run('sync')
    status = json.loads(b.run('status', '--json', code=None))
    assert not status['peers'][0]['key_waits'], status
    a.run('key', 'retire')
    a.save('two')
    a.run('sync')
    b.run('sync')
    assert 'two' in bases(b)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@check
def a_live_link_goes_on_while_the_key_changes(sites):
    a, b = sites.site('a'), sites.site('b')
    a.folder()
    port = free_port()
    b.more = 'peer "a" { key = "%s" }\n' % a.key
    with open(b.config, 'w') as file:
        file.write('site "b" { state = "%s" listen = "127.0.0.1:%d" }\n%s\n%s'
                   % (b.state, port, b.accounts, b.more))
    a.peer(b, 'tcp:127.0.0.1:%d' % port)
    a.follow('write', 'ship', 'apply')
    b.follow('ship', 'apply')

    def comes(name):
        a.save(name)
        b.wait(lambda: os.path.isdir(b.mail + '/cur') and name in bases(b),
               60, name)

    def knows():
        return json.loads(a.run('status', '--json', code=None))[
            'peers'][0]['knows_our_key']

    comes('one')
    old = rotate(a)
    comes('two')
    b.wait(lambda: a.key in b.daemon_said('apply'), 60, 'announced')
    assert not knows()
    comes('three')
    with open(b.config) as file:
        text = file.read().replace(old, a.key)
    with open(b.config, 'w') as file:
        file.write(text)
    b.hangup()
    a.wait(knows, 60, 'the peer has it')
    comes('four')
    a.run('key', 'retire', '--force')
    comes('five')
    a.hangup('ship')            # a new call, by the new key alone
    comes('six')
    for site in (a, b):
        said = ''.join(site.daemon_said(d) for d in site.daemons)
        assert 'not authentic' not in said, said
        site.stop()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
