#!/usr/bin/env python3
"""What is not as it should be and waits for nobody's next change: status says
it, as text, as JSON and by its exit code, until it is over."""

import json
import os
import shutil
import sys
import time

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def mailed(sites):
    a, b = sites.two()
    a.folder()
    a.folder('.Work', 1001, 'b')
    for number in range(3):
        a.save('m%d' % number)
        a.save('w%d' % number, '.Work')
    for site in (a, b, a):
        site.run('sync')
    return a, b


def told(site, *words, code=3):
    said = site.run('status', code=code)
    for word in words:
        assert word in said, (word, said)
    return json.loads(site.run('status', '--json', code=code))


def inbox(site):
    top = os.path.join(site.state, 'inbox')
    return [name for _, _, names in os.walk(top) for name in names]


@check
def a_parcel_of_another_history_is_kept_back_aloud(sites):
    a, b = mailed(sites)
    assert told(b, code=0)['peers'][0]['parcels_kept'] == 0
    other = ("UPDATE %s SET chain = chain %s 1 WHERE chain <> 0")
    for table in 'log', 'met':
        b.sql(other % (table, '+'))
    a.flag('m1', 'S')
    a.run('sync')
    b.run('sync', code=3)
    b.says('its site was rolled back or cloned')
    for again in range(2):
        tree = told(b, 'kept back: 1', 'in the inbox: 1 kept back')
        assert tree['peers'][0]['parcels_kept'] == 1, tree
        assert [n for n in inbox(b) if n.endswith('.parcel.kept')]
        b.run('apply', code=3)
        b.run('check')
    for table in 'log', 'met':
        b.sql(other % (table, '-'))
    b.run('apply', code=3)
    b.run('gap', 'accept', 'alice', 'ALL')
    b.run('apply')
    assert told(b, code=0)['peers'][0]['parcels_kept'] == 0
    assert not inbox(b), inbox(b)
    assert 'm1:2,S' in b.files()


@check
def what_waits_for_something_before_it_is_counted(sites):
    a, b = mailed(sites)
    a.flag('m1', 'S')
    a.run('write')
    first = os.path.join(sites.top, 'first')
    a.run('ship')
    shutil.copytree(sites.carrier, first)
    for where, _, names in os.walk(sites.carrier):
        for name in names:
            if name.endswith(('.pb', '.ok')):
                os.unlink(os.path.join(where, name))
    # b says nothing, and a takes what it shipped for acknowledged.
    a.sql('INSERT OR REPLACE INTO ack SELECT peer, log, lsn, chain, lsn'
          ' FROM sent')
    a.flag('m2', 'F')
    a.run('write')
    a.run('ship')
    b.run('sync')
    tree = told(b, 'in the inbox: 1 that wait for what is before them',
                code=0)
    assert tree['peers'][0]['parcels_early'] == 1, tree
    b.run('check')


@check
def a_folder_of_a_peer_that_was_deleted_here_is_named(sites):
    a, b = mailed(sites)
    assert 'deleted_here' not in told(b, code=0)['accounts'][0]
    shutil.rmtree(os.path.join(b.mail, '.Work'))
    b.run('sync', code=None)
    tree = told(b, 'folder Work: deleted here; it lives on at its home',
                code=None)
    assert tree['accounts'][0]['deleted_here'] == ['Work'], tree
    assert tree['accounts'][0]['local_changes'] > 0
    # At its home it is nobody's.
    a.run('sync', code=None)
    assert 'deleted_here' not in told(a, code=None)['accounts'][0]


class Clock:
    """The programs' clock, and what files say of times since, is off."""

    def __init__(self, seconds):
        self.env = {'LD_PRELOAD': os.environ['CLOCKSHIM'],
                    'CLOCK_OFF': str(seconds),
                    'CLOCK_SINCE': str(int(time.time()))}

    def __enter__(self):
        os.environ.update(self.env)

    def __exit__(self, *_):
        for name in self.env:
            del os.environ[name]


def check_with_clock(function):
    """Where programs can be given another clock."""
    return check(function) if 'CLOCKSHIM' in os.environ else function


@check_with_clock
def a_clock_that_is_ahead_is_told_at_both_sites_once_it_is_right(sites):
    a, b = mailed(sites)
    time.sleep(1.1)
    with Clock(86400):
        a.flag('m1', 'S')
        a.run('write')
        told(a, code=0)
    tree = told(a, 'the clock went back')
    assert 86000 < tree['clock_behind_s'] <= 86400, tree
    a.run('ship')
    b.run('sync')
    tree = told(b, 'peer a: its clock is ahead of ours')
    assert 86000 < tree['clock_behind_peer_s'] <= 86400, tree
    with Clock(86400):
        told(b, code=0)


@check_with_clock
def a_clock_that_cannot_be_right_is_told(sites):
    a, b = mailed(sites)
    with Clock(-500000000):
        told(b, 'the clock says the year 20')


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
