#!/usr/bin/env python3
"""Peers and accounts that are gone for good."""

import json
import os
import sys

import plainsites
from gaps import mailed

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def remembered(site, peer):
    """Rows that speak of a peer, in all tables that have any."""
    count = 0
    for table in ('ack', 'ack_order', 'want', 'sent', 'sent_body', 'stated'):
        count += int(site.sql('SELECT count(*) FROM ' + table))
    hexed = json.loads(peer.run('status', '--json', code=None))['origin']
    return count + int(site.sql(
        "SELECT count(*) FROM meta WHERE key LIKE '%%%s'" % hexed))


def names_below(top):
    return sorted(name for _, _, names in os.walk(top) for name in names)


def expelled_peers(site):
    status = json.loads(site.run('status', '--json'))
    return ([p['name'] for p in status.get('expelled', ())],
            [p['name'] for p in status.get('peers', ())])


@check
def an_expelled_peer_is_forgotten_and_told(sites):
    a, b = mailed(sites)
    assert remembered(a, b) > 0
    a.run('peer', 'expel', 'b')
    assert remembered(a, b) == 0
    assert expelled_peers(a) == (['b'], [])
    assert ': expelled on 20' in a.run('status')
    a.run('check')
    # Again: nothing new.
    a.run('peer', 'expel', 'b')
    assert expelled_peers(a) == (['b'], [])
    a.run('peer', 'expel', 'c', code=2)
    a.run('ship', 'b', code=2)
    assert 'was expelled' in a.said, a.said


@check
def nothing_is_packed_for_it_or_taken_from_it(sites):
    a, b, c = sites.site('a'), sites.site('b'), sites.site('c')
    to_b, _ = sites.pair(a, b), sites.pair(a, c)
    a.folder()
    a.save('m1')
    for site in (a, b, c, a):
        site.run('sync')
    a.run('peer', 'expel', 'b')
    before = names_below(to_b)
    a.save('m2')
    b.folder('.Own', 77, 'b')
    b.save('own', '.Own')
    b.run('sync')
    lying = names_below(to_b)
    assert lying != before
    a.run('sync')
    c.run('sync')
    a.run('sync')
    assert names_below(to_b) == lying
    assert len(c.files()) == 2 and len(b.files()) == 1
    assert not os.path.exists(os.path.join(a.mail, '.Own'))
    # What of it does not wait for b: c has everything.
    peers = json.loads(a.run('status', '--json'))['peers']
    assert [p['accounts'][0]['lag_changes'] for p in peers] == [0]


@check
def its_mail_stays(sites):
    a, b = mailed(sites)
    b.run('peer', 'expel', 'a')
    b.run('write')
    b.run('apply')
    assert len(b.files()) == 3
    assert '"m0"' not in b.log()


@check
def what_it_sent_last_is_applied_before(sites):
    a, b = mailed(sites)
    a.save('m3')
    a.run('sync')
    b.run('ship')
    b.run('peer', 'expel', 'a', code=2)
    assert 'not applied' in b.said, b.said
    assert expelled_peers(b) == ([], ['a'])
    b.run('apply')
    b.run('peer', 'expel', 'a')
    assert len(b.files()) == 4


@check
def by_hand_it_is_a_new_peer_and_gets_all(sites):
    a, b = mailed(sites)
    a.run('peer', 'expel', 'b')
    a.save('m3')
    os.unlink([os.path.join(b.mail, 'cur', f) for f in b.files()
               if b.base(f) == 'm0'][0])
    os.unlink(os.path.join(a.state, 'expelled'))
    for site in (a, b, a, b):
        site.run('sync')
    assert expelled_peers(a) == ([], ['b'])
    assert sorted(map(b.base, b.files())) == ['m1', 'm2', 'm3']


@check
def a_list_that_is_damaged_keeps_programs_from_starting(sites):
    a, b = mailed(sites)
    a.run('peer', 'expel', 'b')
    path = os.path.join(a.state, 'expelled')
    with open(path) as file:
        line = file.read()
    for wrong in (line[:-1], line + 'x\n', 'X' + line[1:], line[:17] + '\n',
                  line[:30], line[:16] + 'a' + line[17:], line + '\0\n'):
        with open(path, 'w') as file:
            file.write(wrong)
        a.run('status', code=2)
        assert 'expelled:' in a.said, (wrong, a.said)
    with open(path, 'w') as file:
        file.write(line)
    a.run('status')


@check
def an_account_that_is_dropped_leaves_its_mail(sites):
    a, b = mailed(sites)
    accounts = a.accounts
    a.run('account', 'drop', 'alice', code=2)
    assert 'is configured' in a.said, a.said
    a.accounts = ''
    a.write_config()
    a.run('account', 'drop', '../alice', code=2)
    a.run('account', 'drop', 'bob', code=2)
    a.run('account', 'drop', 'alice')
    for where in ('accounts', 'log'):
        assert os.listdir(os.path.join(a.state, where)) == [], where
    assert len(a.files()) == 3
    a.run('account', 'drop', 'alice', code=2)
    # What peers send of it is left out, and said.
    b.folder('.Own', 77, 'b')
    b.save('own', '.Own')
    b.run('sync')
    a.run('sync', code=3)
    assert 'there is none of that name here' in a.said, a.said
    # It may begin anew, as any state that was lost.
    a.accounts = accounts
    a.write_config()
    for site in (a, b, a, b):
        site.run('sync')
    assert len(a.files()) == len(b.files()) == 3


@check
def a_damaged_state_can_be_dropped(sites):
    a, _ = mailed(sites)
    path = os.path.join(a.state, 'accounts', 'alice', 'state.db')
    with open(path, 'r+b') as file:
        file.truncate(100)
    a.accounts = ''
    a.write_config()
    a.run('account', 'drop', 'alice')
    assert not os.path.exists(path)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
