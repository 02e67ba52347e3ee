#!/usr/bin/env python3
"""A peer has part in the accounts that it is granted, and in nothing else."""

import json
import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def hub(sites, *stations, grant='"*@%s as *"'):
    """A hub with the stations' accounts as NAME@STATION, and the stations."""
    here = sites.site('hub')
    there = [sites.site(name) for name in stations]
    for site in (here, *there):
        site.accounts = 'accounts { maildir = "%s/%%n" }' % site.mail
        site.write_config()
    for station in there:
        sites.pair(here, station)
    for station in stations:
        granted(here, station, grant.replace('%s', station))
    return (here, *there)


def granted(site, peer, *rules):
    """Says in a peer's block which accounts it has part in."""
    head = 'peer "%s" {' % peer
    lines = site.more.splitlines()
    [at] = [i for i, line in enumerate(lines) if line.startswith(head)]
    lines[at] = '%s accounts = { %s } key = %s' % (
        head, ', '.join(rules), lines[at].split(' key = ')[1])
    site.more = '\n'.join(lines) + '\n'
    site.write_config()


def rounds(*sites, count=2):
    for _ in range(count):
        for site in sites:
            site.run('sync')


def peers(site):
    return {p['name']: p for p in json.loads(
        site.run('status', '--json'))['peers']}


def held(site):
    return sorted(mail['account'] for mail in
                  json.loads(site.run('held', '--json')))


@check
def stations_with_one_name_for_an_account_do_not_meet_at_the_hub(sites):
    here, one, two = hub(sites, 'one', 'two')
    for name in ('captain@one', 'captain@two'):
        here.folder(name)
        here.save('to-' + name[-3:], name)
    for station in (one, two):
        station.folder('captain')
    two.folder('mate')
    here.folder('mate@two')
    two.save('from-two', 'mate')
    rounds(here, one, two)
    rounds(here)
    for station in (one, two):
        [file] = station.files('captain')
        assert file.startswith('to-' + station.name), file
        assert not os.path.exists(os.path.join(station.mail, 'captain@one'))
    assert [here.base(f) for f in here.files('mate@two')] == ['from-two']
    # A change, and a mail, find their ways by the same names.
    here.flag('to-one', 'S', 'captain@one')
    two.save('more', 'mate')
    rounds(two, here, one)
    [file] = one.files('captain')
    assert file.endswith(':2,S'), file
    assert len(here.files('mate@two')) == 2
    for site in (here, one, two):
        site.run('status')
        [other, *_] = peers(site).values()
        assert not other.get('accounts_refused'), other
    lags = {p: [a['name'] for a in x['accounts']]
            for p, x in peers(here).items()}
    assert lags == {'one': ['captain@one'],
                    'two': ['captain@two', 'mate@two']}, lags


@check
def a_peer_that_speaks_of_what_it_has_no_part_in_changes_nothing(sites):
    here, one = hub(sites, 'one')
    granted(here, 'one', '"captain@one as captain"', '"admin@one as admin"')
    for name in ('captain@one', 'admin@one'):
        here.folder(name)
    for name in ('captain', 'admin@hub'):
        here.folder(name)
        here.save('mine', name)
    for name in ('captain', 'admin@hub', 'admin'):
        one.folder(name)
        one.save('theirs', name)
    one.run('sync')
    here.run('sync', code=3)
    here.says('account admin@hub: peer one has no part in any that it calls '
              'so')
    assert len(here.files('captain@one')) == 1
    assert len(here.files('admin@one')) == 1
    for name in ('captain', 'admin@hub'):
        assert here.files(name) == ['mine:2,'], here.files(name)
    here.run('status')     # the peer was told
    assert peers(here)['one']['accounts_refused'] == ['admin@hub']
    one.run('sync')
    said = one.run('status')
    assert 'account admin@hub: nothing is handed over: there is no such ' \
        'account there' in said, said
    # It is let in: what it had to say of it comes.
    granted(here, 'one', '"captain@one as captain"', '"admin@one as admin"',
            '"admin@hub"')
    here.expunge('mine', 'admin@hub')
    rounds(here, one)
    rounds(here)
    assert any(f.startswith('theirs') for f in here.files('admin@hub'))


@check
def an_account_that_is_granted_no_more_is_handed_over_no_more(sites):
    here, one = hub(sites, 'one')
    for name in ('captain', 'mate'):
        one.folder(name)
        here.folder(name + '@one')
        here.save('first', name + '@one')
    rounds(here, one, count=3)
    granted(here, 'one', '"mate@one as mate"')
    for name in ('captain@one', 'mate@one'):
        here.save('second', name)
    rounds(here, one)
    assert len(one.files('captain')) == 1
    assert len(one.files('mate')) == 2
    # Logs wait for nobody who gets them not.
    said = here.run('status')
    assert 'captain' not in json.dumps(peers(here)['one'].get('accounts')), said
    here.run('resend', 'one', 'captain@one', code=2)
    here.says('has no part in account captain@one')
    here.run('resend', 'one', 'mate@one')


@check
def nothing_is_held_of_an_account_that_is_granted_no_more(sites):
    here, _ = hub(sites, 'one')
    here.more = here.more.replace('via =', 'hold = "1K" via =', 1)
    here.write_config()
    for name in ('captain@one', 'mate@one'):
        here.folder(name)
        here.save('large', name, body=3000 * 'x' + '\n' + name)
    here.run('sync')
    assert held(here) == ['captain@one', 'mate@one']
    granted(here, 'one', '"mate@one as mate"')
    assert held(here) == ['mate@one']


@check
def who_lost_its_state_waits_for_peers_of_the_account_only(sites):
    here, one, two = hub(sites, 'one', 'two')
    for name in ('captain@one', 'captain@two'):
        here.folder(name)
        here.save('first', name)
    for station in (one, two):
        station.folder('captain')
    rounds(here, one, two, count=3)
    for base, _, names in os.walk(os.path.join(here.state, 'accounts')):
        if os.path.basename(base) == 'captain@one':
            for name in names:
                os.unlink(os.path.join(base, name))
    rounds(here, one, count=3)     # nothing of two is asked for
    here.save('second', 'captain@one')
    rounds(here, one, count=3)
    assert len(one.files('captain')) == 2, one.files('captain')
    here.run('status')


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
