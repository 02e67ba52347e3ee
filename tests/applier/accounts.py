#!/usr/bin/env python3
"""One account that cannot be served keeps no other one waiting, and gets its
own when it can."""

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


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
