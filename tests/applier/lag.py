#!/usr/bin/env python3
"""What `packetboat status` says that a peer lacks, and what stays here: true at
both ends, also where nothing is ever handed over."""

import json
import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def account(site):
    return json.loads(site.run('status', '--json'))['accounts'][0]


def lag(site):
    """(changes, messages) that the one peer lacks."""
    peer = json.loads(site.run('status', '--json'))['peers'][0]['accounts'][0]
    return peer['lag_changes'], peer['lag_messages']


def exchange(*sites):
    for _ in range(2):
        for site in sites:
            site.run('sync')


def two(sites):
    """Mail at a; b has an empty INBOX, of which it says that it is there."""
    a, b = sites.two()
    a.folder()
    a.save('one')
    b.folder(uidvalidity=2000, guid='b')
    return a, b


@check
def a_site_that_has_nothing_to_hand_over_has_no_lag(sites):
    a, b = two(sites)
    a.run('write')
    assert lag(a) > (2, 0) and lag(a)[1] == 1, lag(a)
    b.run('write')
    b.run('ship')
    assert 'nothing to hand over' not in b.said, b.said
    exchange(a, b)
    assert b.files() == ['one:2,'], b.files()
    for site in (a, b):
        assert lag(site) == (0, 0), site.run('status')
        assert 'has everything' in site.run('status')
        assert account(site)['local_changes'] == 0, site.run('status')
    b.run('ship')
    assert 'nothing to hand over' in b.said, b.said


@check
def what_is_of_here_is_lag_and_what_is_not_is_local(sites):
    a, b = two(sites)
    a.folder('.Work', 1001, 'c')
    a.save('two', '.Work')
    exchange(a, b)
    assert lag(b) == (0, 0)
    b.folder('.Own', 3000, 'd')
    b.run('write')
    assert lag(b)[0] > 0, b.run('status')       # its own folder
    exchange(b, a)
    assert lag(b) == (0, 0), b.run('status')
    os.rename(os.path.join(b.mail, '.Work'), os.path.join(b.mail, '.Moved'))
    b.run('write')
    assert lag(b) == (0, 0), b.run('status')
    assert account(b)['local_changes'] == 1, b.run('status')
    with open(os.path.join(b.mail, 'subscriptions'), 'w') as file:
        file.write('V\t2\n\nMoved\n')
    mail = os.path.join(b.mail, '.Moved', 'cur', 'two:2,')
    os.rename(mail, mail + 'F')
    b.run('write')
    assert lag(b) == (0, 0), b.run('status')
    assert account(b)['local_changes'] == 3, b.run('status')
    assert 'local changes' in b.run('status')


@check
def a_peer_that_is_handed_over_nothing_lacks_nothing(sites):
    a, b = two(sites)
    b.more = b.more.replace('via', 'changes = "receive" via')
    b.write_config()
    exchange(a, b)
    assert lag(b) == (0, 0)
    assert 'nothing is handed over' in b.run('status'), b.run('status')
    assert 'nothing is handed over' not in a.run('status')


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
