#!/usr/bin/env python3
"""What is missing or differs is named, told with exit code 3, and settled or
accepted."""

import json
import os
import subprocess
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def state_sql(site, text):
    """The state is edited behind the back of everything that keeps sums."""
    return subprocess.run(
        [os.environ['PB_STATE_SQL'],
         os.path.join(site.state, 'accounts', 'alice', 'state.db'), text],
        stdout=subprocess.PIPE, text=True, check=True).stdout


def rename(site, base, flags):
    [old] = [f for f in site.files() if site.base(f) == base]
    cur = os.path.join(site.mail, 'cur')
    os.rename(os.path.join(cur, old),
              os.path.join(cur, '%s:2,%s' % (base, flags)))


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
        rename(a, 'm1', flags)
        a.run('sync')
        b.run('sync')
        gaps(b, 0)
    rows = state_sql(b, 'SELECT messages, agreed_ms > 0, owed FROM stated')
    assert rows == '3\t1\t0\n', rows


@check
def a_wrong_register_is_told_until_the_two_are_equal(sites):
    a, b = mailed(sites)
    state_sql(b, "UPDATE message SET mtime = mtime + 7 WHERE base = 'm1'")
    rename(a, 'm1', 'S')
    a.run('sync')
    b.run('sync', code=3)
    assert 'differs from what a peer holds that knows the same' in b.said
    [gap] = gaps(b, 1)
    assert gap['kind'] == 'differs' and gap['folder'] == 'INBOX'
    assert gap['peer'] == 'a' and gap['messages'] == 3
    assert gap['their_messages'] == 3
    assert gap['digest'] != gap['their_digest']
    gaps(a, 0)
    # It stays, whatever else happens.
    a.save('m4')
    rename(a, 'm2', 'F')
    a.run('sync')
    b.run('sync', code=3)
    [later] = gaps(b, 1)
    assert later['since_ms'] == gap['since_ms']
    assert later['messages'] == 4
    # Whoever mends it, register and sums: it is over with the next word.
    right = state_sql(a, 'SELECT hex(digest) FROM folder WHERE messages > 0')
    state_sql(b, "UPDATE message SET mtime = mtime - 7 WHERE base = 'm1';"
                 "UPDATE folder SET digest = x'%s' WHERE messages > 0"
              % right.strip())
    rename(a, 'm1', '')
    a.run('sync')
    b.run('sync')
    gaps(b, 0)


@check
def a_difference_that_was_accepted_is_not_told(sites):
    a, b = mailed(sites)
    state_sql(b, "UPDATE message SET mtime = mtime + 7 WHERE base = 'm1'")
    rename(a, 'm1', 'S')
    a.run('sync')
    b.run('sync', code=3)
    b.run('gap', 'accept', 'alice', 'Sent', code=2)
    b.run('gap', 'accept', 'nobody', 'INBOX', code=2)
    gaps(b, 1)
    b.run('gap', 'accept', 'alice', 'INBOX')
    gaps(b, 0)
    b.run('gap', 'accept', 'alice', 'ALL', code=2)
    rename(a, 'm2', 'S')
    a.run('sync')
    b.run('sync')
    # Another one is.
    state_sql(b, "UPDATE message SET mtime = mtime + 7 WHERE base = 'm2'")
    rename(a, 'm2', '')
    a.run('sync')
    b.run('sync', code=3)
    gaps(b, 1)


@check
def a_wrong_register_at_home_is_found_by_the_peer(sites):
    a, b = mailed(sites)
    state_sql(a, "UPDATE message SET mtime = mtime + 7 WHERE base = 'm0'")
    rename(a, 'm0', 'S')
    a.run('sync')
    b.run('sync', code=3)
    gaps(b, 1)


@check
def local_changes_of_another_home_raise_no_alarm(sites):
    a, b = mailed(sites)
    rename(b, 'm1', 'F')
    b.run('sync')
    rename(a, 'm2', 'S')
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
    rename(a, 'm1', 'S')
    a.run('write')
    flip_in_log(a)
    a.run('ship', code=3)
    a.run('write', code=3)
    [gap] = gaps(a, 1)
    assert gap['kind'] == 'lost' and gap['lacking'] == ['b'], gap
    assert gap['folder'] == 'INBOX' and gap['first'] == 1, gap
    assert not gap['lacked_here']
    a.run('gap', 'accept', 'alice', 'ALL')
    gaps(a, 0)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
