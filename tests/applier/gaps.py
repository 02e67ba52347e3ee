#!/usr/bin/env python3
"""What is missing or differs is named, told with exit code 3, and settled or
accepted."""

import json
import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def mailed(sites):
    a, b = sites.two()
    a.folder()
    for number in range(3):
        a.save('m%d' % number)
    for site in (a, b, a):
        site.run('sync')
    return a, b


def gaps(site, count):
    """The gaps that there are, each told everywhere in the same words."""
    code = 3 if count else 0
    lines = site.run('gap', 'list', code=code).splitlines()
    found = json.loads(site.run('gap', 'list', '--json', code=code))
    status = site.run('status', code=code)
    if not count:
        assert lines == ['no gaps'], lines
        assert not found
        return found
    assert len(lines) == len(found) == count, (lines, found)
    for line in lines:
        assert 'needs an operator: ' + line in status, (line, status)
    accounts = json.loads(site.run('status', '--json', code=3))['accounts']
    assert accounts[0]['gaps'] == found
    return found


@check
def sites_that_are_equal_have_no_gap(sites):
    a, b = mailed(sites)
    for flags in ('S', 'FS', ''):
        a.flag('m1', flags)
        a.run('sync')
        b.run('sync')
        gaps(b, 0)
    rows = b.sql('SELECT messages, agreed_ms > 0, owed FROM stated')
    assert rows == '3\t1\t0\n', rows


def told_and_mended(a, b, base, what):
    """What rots at b is told with the next change of it there, and mended by
    the next exchange."""
    b.sql("UPDATE message SET %s WHERE base = '%s'" % (what, base))
    a.flag(base, 'S')
    a.run('sync')
    b.run('sync', code=3)
    assert 'differs from what a peer holds that knows the same' in b.said
    found = gaps(b, 2)
    told = [gap for gap in found if gap['peer'] == 'a']
    assert told[0]['kind'] == 'differs' and told[0]['folder'] == 'INBOX'
    assert told[0]['messages'] == told[0]['their_messages'] == 3, found
    assert told[0]['digest'] != told[0]['their_digest']
    # It looked at its registers, and does not trust them any more.
    assert [gap['peer'] for gap in found if gap not in told] == [None], found
    a.run('sync', code=None)
    b.run('sync')
    gaps(b, 0)
    a.run('sync')
    gaps(a, 0)


def registers(site):
    return site.sql('SELECT m.base, m.size, m.mtime, hex(m.hash),'
                    ' m.extra, m.letters, m.uid, m.p_letters FROM message m'
                    ' WHERE dead = 0 ORDER BY base')


@check
def a_wrong_register_is_told_and_taken_from_the_peer(sites):
    a, b = mailed(sites)
    for base, what in (('m1', 'mtime = mtime + 7'),
                       ('m0', 'size = 7'),
                       ('m2', "extra = 'Px'"),
                       ('m0', 'hash = zeroblob(20)'),
                       ('m1', "letters = 'T'")):
        told_and_mended(a, b, base, what)
        assert registers(a) == registers(b), (registers(a), registers(b))
        a.flag(base, '')
        for site in (a, b, a):
            site.run('sync')
    assert a.uids() == b.uids()
    assert sorted(a.files()) == sorted(b.files()), (a.files(), b.files())


@check
def a_difference_that_was_accepted_is_not_told(sites):
    a, b = mailed(sites)
    b.sql("UPDATE message SET mtime = mtime + 7 WHERE base = 'm1'")
    a.flag('m1', 'S')
    a.run('sync')
    b.run('sync', code=3)
    b.run('gap', 'accept', 'alice', 'Sent', code=2)
    b.run('gap', 'accept', 'nobody', 'INBOX', code=2)
    gaps(b, 2)
    b.run('gap', 'accept', 'alice', 'INBOX')
    gaps(b, 0)
    b.run('gap', 'accept', 'alice', 'ALL', code=2)
    # What was asked before it was accepted shall not be answered.
    lose(sites)
    a.flag('m2', 'S')
    a.run('sync')
    b.run('sync')
    gaps(b, 0)
    # Another one is.
    b.sql("UPDATE message SET mtime = mtime + 7 WHERE base = 'm2'")
    a.flag('m2', '')
    a.run('sync')
    b.run('sync', code=3)
    gaps(b, 1)


def lose(sites):
    """What lies on the carrier is lost."""
    for where, _, names in os.walk(sites.carrier):
        for name in names:
            if '.pb' in name:
                os.unlink(os.path.join(where, name))


@check
def a_wrong_register_at_home_is_taken_from_the_peer(sites):
    a, b = mailed(sites)
    right = registers(a)
    a.sql("UPDATE message SET mtime = mtime + 7 WHERE base = 'm0'")
    a.flag('m0', 'S')
    a.run('sync')
    b.run('sync', code=3)
    gaps(b, 1)
    for site in (a, b, a, b):
        site.run('sync', code=None)
    gaps(a, 0)
    gaps(b, 0)
    assert registers(a) == registers(b)
    assert registers(a).split()[2:] != right.split()[2:]  # the flag


@check
def local_changes_of_another_home_raise_no_alarm(sites):
    a, b = mailed(sites)
    b.flag('m1', 'F')
    b.run('sync')
    a.flag('m2', 'S')
    for site in (a, b, a, b):
        site.run('sync')
        gaps(site, 0)


def flip_in_log(site):
    """A byte of the newest segment of INBOX."""
    top = os.path.join(site.state, 'log', 'alice',
                       '494e424f58' + '0' * 22)
    path = os.path.join(top, sorted(os.listdir(top))[-1])
    with open(path, 'r+b') as file:
        file.seek(-20, os.SEEK_END)
        byte = file.read(1)
        file.seek(-20, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))


@check
def a_damaged_log_is_a_gap_here_that_names_who_lacks_it(sites):
    a, b = mailed(sites)
    a.flag('m1', 'S')
    a.run('write')
    flip_in_log(a)
    a.run('ship', code=3)
    a.run('write', code=3)
    [gap] = gaps(a, 1)
    assert gap['kind'] == 'lost' and gap['lacking'] == ['b'], gap
    assert gap['folder'] == 'INBOX' and gap['first'] == 1, gap
    assert not gap['lacked_here']
    # Peers are told why, but not where our files lie.
    assert '.changes: frame at ' in gap['reason'], gap
    assert '/' not in gap['reason'], gap
    a.run('gap', 'accept', 'alice', 'ALL')
    gaps(a, 0)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
