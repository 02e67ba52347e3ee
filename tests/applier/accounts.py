#!/usr/bin/env python3
"""One account that cannot be served keeps no other one waiting, and gets its
own when it can."""

import json
import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def two(sites, *names):
    """Sites that know each other, with mail for some accounts by pattern."""
    a, b = sites.two()
    for site in (a, b):
        site.accounts = 'accounts { maildir = "%s/%%n" }' % site.mail
        site.write_config()
        for name in names:
            site.folder(name)
    return a, b


def mail(a, base, *names):
    for name in names:
        a.save(base, name)
    a.run('sync')


def refused(site):
    return os.path.exists(os.path.join(site.state, 'refused'))


@check
def mail_that_cannot_be_read_refuses_no_parcel(sites):
    a, b = two(sites, 'alice', 'bob', 'carol')
    mail(a, 'one', 'alice', 'bob', 'carol')
    b.run('sync')
    whole = b.uidlist('bob')
    b.uidlist('bob', 'no uidlist at all')
    mail(a, 'two', 'alice', 'bob', 'carol')
    for _ in range(2):
        b.run('sync', code=1)
        assert 'dovecot-uidlist' in b.said, b.said
        for name in ('alice', 'carol'):
            assert len(b.files(name)) == 2, (name, b.said)
        assert not refused(b), b.said
    b.uidlist('bob', *whole)
    b.run('sync')
    assert len(b.files('bob')) == 2, b.said
    b.run('status')


@check
def bodies_wait_with_the_parcel_that_asks_for_them(sites):
    a, b = two(sites, 'alice', 'bob')
    mail(a, 'one', 'alice', 'bob')
    b.run('sync')
    whole = b.uidlist('bob')
    b.uidlist('bob', 'no uidlist at all')
    for base in ('two', 'three', 'four'):   # more than goes into one parcel
        a.save(base, 'bob', body=base + '\n' + 3000000 * 'x' + '\n')
    a.run('sync')
    b.run('sync', code=1)
    b.uidlist('bob', *whole)
    b.run('sync')
    assert len(b.files('bob')) == 4, b.said
    assert not os.listdir(os.path.join(b.state, 'bodies'))


@check
def a_state_that_is_damaged_refuses_no_parcel(sites):
    a, b = two(sites, 'alice', 'bob')
    mail(a, 'one', 'alice', 'bob')
    b.run('sync')
    state = os.path.join(b.state, 'accounts', 'alice', 'state.db')
    with open(state, 'r+b') as file:
        whole = file.read()
        file.seek(0)
        file.write(b'\xff' * 8192)
    mail(a, 'two', 'alice', 'bob')
    b.run('sync', code=1)
    assert len(b.files('bob')) == 2, b.said
    assert not refused(b), b.said
    with open(state, 'wb') as file:
        file.write(whole)
    b.run('sync')
    assert len(b.files('alice')) == 2, b.said


@check
def what_has_to_wait_for_one_account_is_taken_for_the_others(sites):
    a, b = two(sites, 'alice')
    mail(a, 'one', 'alice')
    first = [os.path.join(where, name)
             for where, _, names in os.walk(sites.carrier)
             for name in names if name.endswith(('.pb', '.whole'))]
    for site in (a, b):
        site.folder('bob')
    mail(a, 'two', 'alice', 'bob')
    for path in first:
        os.unlink(path)
    b.run('sync')
    assert 'kept for later' in b.said, b.said
    assert len(b.files('bob')) == 1, b.said
    for site in (a, b):
        site.run('sync')
    assert len(b.files('alice')) == 2, b.said


def handed_over(site):
    site.run('-v', 'ship')
    return site.said.count('bytes handed over')


@check
def what_is_refused_is_said_at_both_ends_and_sent_no_more(sites):
    a, b = two(sites, 'alice')
    a.folder('bob')
    mail(a, 'one', 'alice', 'bob')
    b.run('ship')
    b.run('apply', code=3)
    b.says('account bob: there is none of that name here')
    said = b.run('status', code=3)
    assert 'account bob: there is none of that name here' in said, said
    b.run('ship')       # a is told, and so nobody here has to be
    b.run('status')
    peer = json.loads(b.run('status', '--json'))['peers'][0]
    assert peer['accounts_refused'] == ['bob'], peer
    a.run('sync')
    said = a.run('status')
    assert 'account bob: nothing is handed over: there is no such account ' \
        'there' in said, said
    lag = {x['name']: x for x in json.loads(
        a.run('status', '--json'))['peers'][0]['accounts']}
    assert lag['bob']['refused_there'] and not lag['alice']['refused_there']
    mail(a, 'two', 'alice', 'bob')
    b.run('sync')
    b.silent('bob')
    assert len(b.files('alice')) == 2
    for site in (a, b, a, b):
        site.run('sync')
    for site in (a, b, a, b):
        assert not handed_over(site), site.said
    # It is here now.
    b.folder('bob')
    for site in (b, a, b):
        site.run('sync')
    assert len(b.files('bob')) == 2, b.said
    for site in (a, b, a, b):
        site.run('sync')
        assert 'accounts_refused' not in site.run('status', '--json')
    assert 'no such account' not in a.run('status')
    assert not os.listdir(os.path.join(
        b.state, 'strange', os.listdir(os.path.join(b.state, 'strange'))[0]))
    for site in (a, b, a, b):
        assert not handed_over(site), site.said


@check
def what_refuses_or_takes_it_back_and_is_lost_is_said_again(sites):
    a, b = two(sites, 'alice')
    a.folder('bob')
    mail(a, 'one', 'alice', 'bob')

    def lose():
        for where, _, names in os.walk(sites.carrier):
            for name in names:
                if name.endswith(('.pb', '.ok')):
                    os.unlink(os.path.join(where, name))

    b.run('sync', code=3)
    lose()
    a.run('sync')
    b.run('sync', code=3)
    a.run('sync')
    assert 'no such account' in a.run('status')
    b.folder('bob')
    b.run('sync')
    lose()
    b.run('sync')
    # An hour later.
    top = os.path.join(b.state, 'strange')
    path = os.path.join(top, os.listdir(top)[0], 'bob')
    with open(path, 'w') as file:
        file.write('-1')
    for site in (b, a, b):
        site.run('sync')
    assert len(b.files('bob')) == 1, b.said


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
