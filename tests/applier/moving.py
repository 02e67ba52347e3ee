#!/usr/bin/env python3
"""An account that moves to another site keeps its UIDs, and what its users do
there goes out."""

import json
import os
import shutil
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def settled(sites, folders=('',)):
    """Two sites that hold the same mail, at home at the first."""
    both = a, b = sites.two()
    for i, name in enumerate(folders):
        a.folder(name, 1000 + i, 'ac'[i])
        for mail in range(4):
            a.save('m%d%s' % (mail, name), name)
    a.expunge('m1', '')
    # Its server gives numbers of its own.
    b.folder('', 3000, 'b')
    rounds(both)
    return both


def rounds(both, count=3):
    for _ in range(count):
        for site in both:
            site.run('sync')


def uids(site, name=''):
    return site.uidvalidity(name), site.uids(name)


def equal(both, name=''):
    a, b = both
    assert uids(a, name) == uids(b, name), '%s\n%s' % (
        uids(a, name), uids(b, name))
    flags = [sorted(f for f in site.files(name)) for site in both]
    assert flags[0] == flags[1], flags


@check
def what_users_do_there_goes_out_under_the_same_uids(sites):
    both = a, b = settled(sites, ('', '.Work'))
    before = {name: uids(a, name) for name in ('', '.Work')}
    for name in before:
        equal(both, name)
    a.run('account', 'give', 'alice', 'b')
    a.says('its 2 folders are at home at b')
    rounds(both)
    for name, was in before.items():
        assert uids(a, name) == uids(b, name) == was, uids(a, name)
    b.save('new')
    b.flag('m2', 'S')
    b.expunge('m0')
    b.save('more', '.Work')
    rounds(both, 2)
    for name in before:
        equal(both, name)
    assert 'new' in uids(a)[1].values()
    assert max(uids(a)[1]) > max(before[''][1])
    for site in both:
        site.run('status')
        site.run('gap', 'list')
    # And back.
    b.run('account', 'give', 'alice', 'a')
    rounds(both)
    a.save('last')
    a.flag('m2', 'FS')
    rounds(both, 2)
    for name in before:
        equal(both, name)
    assert 'last' in uids(b)[1].values()


@check
def nothing_is_given_that_the_peer_has_not_applied(sites):
    both = a, b = settled(sites)
    before = a.log()
    a.save('later')
    a.run('account', 'give', 'alice', 'b', code=4)
    a.says('the peer has not yet applied all that was logged here')
    assert 'authority' not in a.log()[len(before):]
    a.run('sync')
    b.run('ship')
    a.run('account', 'give', 'alice', 'b', code=4)     # collected is not applied
    rounds(both, 2)
    a.run('account', 'give', 'alice', 'b')
    rounds(both)
    equal(both)
    assert 'later' in uids(b)[1].values()
    a.run('account', 'give', 'alice', 'b', code=2)
    a.says('no folder of it is at home here')


@check
def mail_of_the_new_homes_own_gets_its_number_for_good(sites):
    both = a, b = settled(sites)
    b.save('own')                   # stays there, as things are
    rounds(both, 2)
    assert 'own' not in uids(a)[1].values()
    a.run('account', 'give', 'alice', 'b')
    rounds(both)
    equal(both)
    assert 'own' in uids(a)[1].values()
    for site in both:
        site.run('status')


@check
def who_loses_its_state_afterwards_is_home_still_or_again_is_not(sites):
    both = a, b = settled(sites)
    a.run('account', 'give', 'alice', 'b')
    rounds(both)
    before = uids(a)
    for lost in (b, a):
        for name in os.listdir(os.path.join(lost.state, 'accounts', 'alice')):
            os.unlink(os.path.join(lost.state, 'accounts', 'alice', name))
        rounds(both)
        assert uids(a) == uids(b) == before, (uids(a), uids(b))
    b.save('after')
    b.flag('m3', 'F')
    rounds(both)
    equal(both)
    assert 'after' in uids(a)[1].values()
    for site in both:
        site.run('status')


@check
def a_new_home_that_loses_state_and_mail_gets_its_mail_back(sites):
    both = a, b = settled(sites)
    a.run('account', 'give', 'alice', 'b')
    rounds(both, 2)
    b.save('since')
    rounds(both, 2)
    assert not json.loads(a.run('status', '--json'))['accounts'][0][
        'local_changes']
    before = uids(a)
    for base in uids(b)[1].values():
        b.expunge(base)
    b.uidlist('', '3 V1000 N1 G' + 32 * 'a')
    shutil.rmtree(os.path.join(b.state, 'accounts', 'alice'))
    shutil.rmtree(os.path.join(b.state, 'log'))
    rounds(both, 4)
    assert sorted(before[1].values()) == sorted(uids(b)[1].values())
    equal(both)


@check
def a_site_that_comes_later_hears_of_it_all(sites):
    both = a, b = settled(sites)
    a.flag('m3', 'F')
    rounds(both, 2)
    a.run('account', 'give', 'alice', 'b')
    rounds(both, 1)
    b.save('since')
    b.flag('m2', 'S')
    a.save('stays')                 # at a, and nobody hears of it
    rounds(both, 1)
    c = sites.site('c')
    c.folder('', 5000, 'd')
    for site in both:
        sites.pair(site, c)
    rounds((a, b, c), 3)
    assert uids(c) == uids(b), (uids(b), uids(c))
    assert sorted(b.files()) == sorted(c.files()), (b.files(), c.files())
    assert 'since' in uids(c)[1].values()


@check
def who_cannot_write_for_it_is_not_given_it(sites):
    a, _ = sites.two()
    a.folder()
    for more, words in (('changes = send', 'one way only'),
                        ('oneway = yes', 'one way only'),
                        ('accounts = { "nobody" }', 'has no part in')):
        was = a.accounts, a.more
        a.more = a.more.replace('key = ', more + ' key = ', 1)
        a.accounts += '\naccount "nobody" { maildir = "%s" }' % a.path('no')
        a.write_config()
        a.run('account', 'give', 'alice', 'b', code=2)
        a.says(words)
        a.accounts, a.more = was
        a.write_config()
    a.run('account', 'give', 'alice', 'c', code=2)
    a.says('there is no peer "c"')
    a.run('account', 'give', 'bob', 'b', code=2)
    a.says('there is none of that name')


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
