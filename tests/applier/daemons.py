#!/usr/bin/env python3
"""What an administrator changes while the daemons run: accounts that come by
themselves, a configuration that is read again, links that come and go."""

import os
import sys
import time

import plainsites

CHECKS = []
DAEMONS = ('write', 'ship', 'apply')


def check(function):
    CHECKS.append(function)
    return function


def pattern(site):
    """All that lies below its mail directory is an account."""
    site.accounts = 'accounts { maildir = "%s/%%n" }' % site.mail
    os.makedirs(site.mail)
    site.write_config()


def two(sites):
    """Both have accounts by pattern, and one of them, with mail at a."""
    a, b = sites.two()
    for site in (a, b):
        pattern(site)
        site.folder('alice')
    a.save('one', 'alice')
    return a, b


def bundles(carrier):
    return sorted(os.path.join(where, name)
                  for where, _, names in os.walk(carrier) for name in names
                  if name.endswith('.pb'))


def has(site, name, *bases):
    return lambda: sorted(site.files(name)) == sorted(
        base + ':2,' for base in bases)


@check
def an_account_that_comes_later_is_served_by_all(sites):
    a, b = two(sites)
    a.follow(*DAEMONS)
    b.follow(*DAEMONS)
    b.wait(has(b, 'alice', 'one'), 20, 'alice gets nothing')
    b.folder('bob')
    a.folder('bob')
    a.save('two', 'bob')
    a.hangup('write')   # a minute is long for a test
    b.wait(has(b, 'bob', 'two'), 20, 'bob gets nothing')
    for site in (a, b):
        site.stop()
        for command in DAEMONS:
            said = open(site.path(command)).read()
            assert 'there is none of that name' not in said, said
            assert 'error' not in said, said


@check
def a_peer_that_comes_later_is_served_after_a_hangup(sites):
    a, b = two(sites)
    more, b.more = b.more, ''
    b.write_config()
    a.follow(*DAEMONS)
    b.follow('write', 'ship', 'apply')
    b.wait(lambda: 'there is no peer' in b.daemon_said('ship'), 10,
           'no complaint')
    b.more = more
    b.write_config()
    b.hangup()
    b.wait(has(b, 'alice', 'one'), 20, 'alice gets nothing')
    for command in DAEMONS:
        assert 'read again' in b.daemon_said(command), command
    assert b.daemon_said('ship').count('there is no peer') == 1
    a.stop()
    b.stop()


@check
def a_configuration_that_is_wrong_changes_nothing(sites):
    a, b = two(sites)
    a.follow(*DAEMONS)
    b.follow(*DAEMONS)
    b.wait(has(b, 'alice', 'one'), 20, 'alice gets nothing')
    for site in (a, b):
        with open(site.config, 'a') as file:
            file.write('peer "x" {\n')
        site.hangup()
        for command in DAEMONS:
            site.wait(lambda: 'all stays as it was' in
                      site.daemon_said(command), 10, 'no complaint')
    mail = os.path.join(a.mail, 'alice', 'cur', 'one:2,')
    os.rename(mail, mail + 'S')
    b.wait(lambda: b.files('alice') == ['one:2,S'], 20, 'nothing goes on')
    for site in (a, b):
        site.write_config()
        site.hangup()
    a.save('two', 'alice')
    b.wait(lambda: sorted(b.files('alice')) == ['one:2,S', 'two:2,'], 20,
           'not mended')
    a.stop()
    b.stop()


@check
def another_state_directory_wants_a_new_start(sites):
    a, b = two(sites)
    a.follow(*DAEMONS)
    a.wait(lambda: 'bytes handed over' in a.daemon_said('ship'), 20,
           'nothing handed over')
    os.rename(a.state, a.state + '.moved')
    os.symlink(a.state + '.moved', a.state)
    a.state += '.moved'
    a.write_config()
    a.hangup()
    for command in DAEMONS:
        a.wait(lambda: 'start anew' in a.daemon_said(command), 10,
               'no complaint')
    a.stop()


@check
def an_account_that_is_taken_out_is_left_alone(sites):
    a, b = two(sites)
    b.folder('bob')
    a.folder('bob')
    a.save('two', 'bob')
    a.follow(*DAEMONS)
    b.follow(*DAEMONS)
    b.wait(has(b, 'bob', 'two'), 20, 'bob gets nothing')
    a.accounts = 'account "alice" { maildir = "%s/alice" }' % a.mail
    a.write_config()
    a.hangup()
    a.wait(lambda: 'account bob: is no longer there' in
           a.daemon_said('write'), 10, 'no word of it')
    a.save('three', 'bob')
    a.save('four', 'alice')
    b.wait(has(b, 'alice', 'one', 'four'), 20, 'nothing goes on')
    assert has(b, 'bob', 'two')(), b.files('bob')
    a.stop()
    b.stop()


@check
def what_stays_wrong_is_said_once(sites):
    a, b = two(sites)
    b.more = ''
    b.write_config()
    b.follow('ship')
    time.sleep(7)
    b.stop()
    assert open(b.path('ship')).read().count('there is no peer') == 1


@check
def a_parcel_that_has_to_wait_is_not_looked_at_every_second(sites):
    a, b = two(sites)
    a.run('write')
    a.run('ship')
    first, = bundles(sites.carrier)
    a.save('two', 'alice')
    a.run('write')
    a.run('ship')
    os.unlink(first)
    os.unlink(first[:-3] + '.whole')
    b.follow('ship', 'apply')
    b.wait(lambda: 'kept for later' in b.daemon_said('apply'), 10,
           'the later one was not collected')
    time.sleep(6)
    assert b.daemon_said('apply').count('kept for later') == 1
    b.stop()


@check
def what_was_collected_is_not_handed_over_again_before_it_is_answered(sites):
    a, b = two(sites)
    a.run('write')  # all of it, so that one bundle has it
    a.follow('write', 'ship')
    a.wait(lambda: bundles(sites.carrier), 20, 'nothing handed over')
    b.run('ship')
    assert not bundles(sites.carrier)
    time.sleep(5)   # b is slow; a looks every other second
    assert not bundles(sites.carrier), a.daemon_said('ship')
    a.save('two', 'alice')
    a.wait(lambda: bundles(sites.carrier), 20, 'what is new waits')
    b.follow('ship', 'apply')
    b.wait(has(b, 'alice', 'one', 'two'), 20, 'not all arrived')
    # What is handed over may be there before it is said.
    a.wait(lambda: a.daemon_said('ship').count('1 body') >= 2, 10,
           'not all was handed over')
    a.stop()
    b.stop()
    said = a.daemon_said('ship')
    assert said.count('1 body') == 2, said
    # Nobody waits for what a person looks at.
    a.save('three', 'alice')
    for _ in range(2):
        a.run('sync')
        for path in bundles(sites.carrier):
            os.unlink(path)
    assert 'bytes handed over' in a.said, a.said


@check
def a_carrier_that_is_gone_is_no_failure_of_a_daemon(sites):
    a, _ = two(sites)
    os.rename(sites.carrier, sites.carrier + '.pulled')
    a.follow(*DAEMONS)
    a.wait(lambda: 'alice' in a.daemon_said('write'), 10, 'nothing logged')
    a.stop()
    a.run('sync', code=4)


@check
def a_medium_that_is_pulled_out_is_told_once_and_taken_up_again(sites):
    a, b = two(sites)
    a.follow(*DAEMONS)
    b.follow(*DAEMONS)
    b.wait(has(b, 'alice', 'one'), 20, 'nothing goes')
    os.rename(sites.carrier, sites.carrier + '.pulled')
    os.mkdir(sites.carrier)     # what it was mounted on
    a.save('two', 'alice')
    for site in (a, b):
        site.wait(lambda: 'not mounted' in site.daemon_said('ship'), 10,
                  'no word of it')
    time.sleep(5)
    assert not os.listdir(sites.carrier), 'written where no medium is'
    for site in (a, b):
        assert site.daemon_said('ship').count('not mounted') == 1
        assert 'error' not in site.daemon_said('ship')
    os.rmdir(sites.carrier)
    os.rename(sites.carrier + '.pulled', sites.carrier)
    b.wait(has(b, 'alice', 'one', 'two'), 20, 'does not go on')
    for site in (a, b):
        assert site.daemon_said('ship').count('is there') == 1
        site.stop()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
