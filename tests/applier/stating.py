#!/usr/bin/env python3
"""Each site says of itself, once in a while, what it holds: what is not right
is found though nobody changes anything; and idle links stay idle."""

import json
import os
import re
import sys
import time

import plainsites

SPAN = 2    # seconds

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def stating(sites, span):
    """Two sites that are equal, with mail in two folders."""
    a, b = sites.two()
    for site in (a, b):
        site.more = site.more.replace(
            ' via =', ' state_every = "%s" via =' % span)
        site.write_config()
    a.folder()
    a.folder('.Work', 1001, 'b')
    for number in range(3):
        a.save('m%d' % number)
        a.save('w%d' % number, '.Work')
    # What follows the first looks, too: acknowledgements of what was placed.
    for site in (a, b, a, b, a, b):
        site.run('sync')
    return a, b


def registers(site):
    return site.sql('SELECT base, size, mtime, extra, letters, uid FROM'
                    ' message WHERE dead = 0 ORDER BY base')


def gaps(site):
    return json.loads(site.run('gap', 'list', '--json', code=None))


def mended(a, b, finder):
    """Within a span the one who is to find it tells it, and then all is
    equal."""
    time.sleep(SPAN)
    told = False
    for site in (a, b) * 5:
        site.run('sync', code=None)
        if gaps(site):
            told |= site is finder
            assert 'needs an operator' in site.run('status', code=3)
    assert told
    assert registers(a) == registers(b), (registers(a), registers(b))
    for site in (a, b):
        assert not gaps(site), gaps(site)
        site.run('sync')


@check
def a_register_that_rots_is_found_though_nobody_touches_it(sites):
    a, b = stating(sites, '%ds' % SPAN)
    right = registers(a)
    b.sql("UPDATE message SET letters = 'T' WHERE base = 'm1'")
    mended(a, b, b)
    assert registers(b) == right
    a.sql("UPDATE message SET mtime = mtime + 7 WHERE base = 'w1'")
    mended(a, b, a)
    assert registers(a) == right


@check
def a_change_that_was_lost_is_found(sites):
    a, b = stating(sites, '%ds' % SPAN)
    a.flag('m1', 'S')
    for site in (a, b, a, b):
        site.run('sync')
    # As if it had never come: the sums are those of the registers.
    b.sql("DELETE FROM flag WHERE message ="
          " (SELECT id FROM message WHERE base = 'm1')")
    b.sql("UPDATE message SET letters = '' WHERE base = 'm1'")
    b.run('scan', code=None)
    b.sql('DELETE FROM gap')
    b.sql('UPDATE stated SET owed = 0')
    mended(a, b, b)
    assert 'S' in ''.join(f for f in b.files() if b.base(f) == 'm1')


def handed_over(site):
    site.run('-v', 'sync')
    return site.said.count('bytes handed over')


@check
def an_idle_link_stays_idle(sites):
    a, b = stating(sites, '1d')
    for _ in range(5):
        for site in (a, b):
            assert not handed_over(site), site.said
    never, silent = stating(plainsites.Sites(), 'never')
    for site in (never, silent):
        site.sql('UPDATE stated SET told_ms = 1')
        assert not handed_over(site), site.said


@check
def of_one_span_there_is_one_word_of_each(sites):
    a, b = stating(sites, '1h')
    for site in (a, b):
        site.sql('UPDATE stated SET told_ms = told_ms - 3600000')
        site.sql("UPDATE meta SET value = 1 WHERE key LIKE 'states %'")
    said = [handed_over(site) for site in (a, b) * 4]
    assert said == [1, 1, 0, 0, 0, 0, 0, 0], said
    for site in (a, b):     # all folders with it
        assert site.sql('SELECT count(*) FROM stated WHERE agreed_ms > 0'
                        ) == '2\n'


@check
def a_statement_costs_what_the_manual_says(sites):
    a, b = stating(sites, '1h')
    a.sql('UPDATE stated SET told_ms = told_ms - 3600000')
    a.sql("UPDATE meta SET value = 1 WHERE key LIKE 'states %'")
    a.run('sync')
    bundle, = [os.path.join(where, name)
               for where, _, names in os.walk(sites.carrier)
               for name in names if name.endswith('.pb')]
    # A parcel, and 27 bytes a folder; of INBOX the name is a byte.
    sealed = re.search(r' sealed (\d+) bytes', a.run('log', bundle)).group(1)
    assert int(sealed) <= 90 + 10 + 27, sealed


@check
def what_a_scan_found_is_said_at_once(sites):
    a, b = stating(sites, '1d')
    a.sql("UPDATE message SET mtime = mtime + 7 WHERE base = 'm0'")
    assert not handed_over(a)
    a.run('scan', code=3)
    a.run('sync', code=3)
    b.run('sync', code=3)
    for site in (a, b, a, b):
        site.run('sync', code=None)
    assert registers(a) == registers(b)
    for site in (a, b):
        assert not gaps(site), gaps(site)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
