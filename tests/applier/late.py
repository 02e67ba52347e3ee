#!/usr/bin/env python3
"""Mail that comes too late for its UID gets another one from its home, when all
peers have it: then all sites show the same."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import phases                   # noqa: E402
import plainsites               # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def peers(sites, *names):
    """a, and others that get by a link what is up to 1K; they wait for
    nothing."""
    a, *others = [sites.site(name) for name in ('a',) + names]
    for other in others:
        path = os.path.join(sites.top, 'to-' + other.name)
        os.mkdir(path)
        a.run('media', 'init', path)
        for site, peer, more in ((a, other, 'hold = 1K'),
                                 (other, a, 'late = 0s')):
            site.more += 'peer "%s" { key = "%s" via = "dir:%s" %s }\n' % (
                peer.name, peer.key, path, more)
            site.write_config()
    a.folder()
    return a, *others


def around(a, *others, rounds=2):
    for _ in range(rounds):
        for site in (a, *others):
            site.run('sync')
    a.run('sync')


def release(a, *others):
    for other in others:
        for one in json.loads(a.run('held', '--json')):
            if one['peer'] == other.name:
                a.run('held', 'release', other.name, one['id'])


def late(site, key='late'):
    [account] = json.loads(site.run('status', '--json'))['accounts']
    return account[key]


def burst(a):
    """A mail that is held, and one behind it."""
    a.save('large', body='Subject: large\n\n%s\n' % ('x' * 3000))
    a.save('small')


@check
def it_has_one_uid_everywhere_in_the_end(sites):
    a, b = peers(sites, 'b')
    burst(a)
    around(a, b)
    assert a.uids() == {1: 'large', 2: 'small'}
    assert b.uids() == {2: 'small'}
    release(a, b)
    a.run('sync')
    b.run('sync')
    assert b.uids() == {2: 'small', 3: 'large'}
    assert late(b) == 1 and 'late, with a UID of this site only: 1' in (
        b.run('status'))
    around(a, b)
    assert a.uids() == b.uids(), (a.uids(), b.uids())
    assert a.uids()[2] == 'small' and min(
        uid for uid, base in a.uids().items() if base == 'large') > 2
    assert late(a, 'late_at_peers') == late(b) == 0
    # What comes after it is in order, and nothing more is said of it.
    a.save('next')
    around(a, b)
    assert a.uids() == b.uids() and len(b.uids()) == 3
    assert late(b) == 0
    before = a.uids()
    around(a, b)
    assert a.uids() == b.uids() == before
    a.run('check')
    b.run('check')


@check
def a_look_of_the_writer_does_not_hide_it(sites):
    a, b = peers(sites, 'b')
    burst(a)
    around(a, b)
    release(a, b)
    a.run('sync')
    for program in ('ship', 'apply', 'write', 'ship'):
        b.run(program)
    assert late(b) == 1
    for program in ('ship', 'apply', 'ship'):
        a.run(program)
    for program in ('ship', 'apply'):
        b.run(program)
    assert a.uids() == b.uids(), (a.uids(), b.uids())


@check
def it_changes_once_when_all_peers_have_it(sites):
    a, b, c = peers(sites, 'b', 'c')
    burst(a)
    around(a, b, c)
    release(a, b)
    around(a, b, c)
    # c waits for it still.
    assert a.uids()[1] == 'large'
    assert late(a, 'late_at_peers') == late(b) == 1
    assert 'late at peers, to get another UID: 1' in a.run('status')
    a.save('meanwhile')                 # is not late behind it
    around(a, b, c)
    assert late(b) == 1
    release(a, c)
    around(a, b, c, rounds=3)
    assert a.uids() == b.uids() == c.uids(), (a.uids(), b.uids(), c.uids())
    assert len(c.uids()) == 3 and late(a, 'late_at_peers') == 0
    changes = [line for line in a.log().splitlines() if ' uid ' in line and
               ' save ' not in line]
    assert len(changes) == 1, changes


@check
def expunged_meanwhile_it_needs_no_uid(sites):
    a, b = peers(sites, 'b')
    burst(a)
    around(a, b)
    release(a, b)
    a.run('sync')
    b.run('sync')
    assert late(b) == 1
    a.expunge('large')
    around(a, b)
    assert list(a.uids().items()) == list(b.uids().items()) == [(2, 'small')]
    assert late(a, 'late_at_peers') == late(b) == 0


@check
def a_list_that_cannot_be_written_is_no_try(sites):
    if not os.environ.get('FAULTSHIM'):
        return  # not beside a sanitizer
    a, b = peers(sites, 'b')
    burst(a)
    around(a, b)
    release(a, b)
    a.run('sync')
    b.run('sync')
    a.run('ship')
    tries = 'SELECT max(renumbered) FROM message'
    hearing = phases.Phase('hearing', sites, a, 'packetboat-applier')
    try:
        assert a.sql(tries).strip() == '1'
        [at] = [number for number, call in enumerate(hearing.calls, 1)
                if call.startswith('rename') and
                call.endswith('/dovecot-uidlist')]
        hearing.snapshot.restore()
        assert phases.run(a, 'packetboat-applier', FAULT_KIND='EIO',
                          FAULT_AT=str(at)) == 1, a.said
        a.says('dovecot-uidlist', 'Input/output error')
        assert a.sql(tries).strip() == '0'
        around(a, b)
        assert a.sql(tries).strip() == '1'
        assert a.uids() == b.uids() and len(a.uids()) == 2
    finally:
        subprocess.run(['rm', '-rf', hearing.kept], check=True)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
