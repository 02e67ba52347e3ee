#!/usr/bin/env python3
"""What was handed over and lost is handed over again when somebody says so."""

import json
import os
import re
import sys
import time

import plainsites
from truncation import equal, exchange, no_gap, paired, segments, while_away

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def bundles(sites):
    return [os.path.join(where, name)
            for where, _, names in os.walk(sites.carrier)
            for name in names if name.endswith(('.pb', '.whole'))]


def lost(sites):
    """What lies on the carrier never comes."""
    assert bundles(sites)
    for path in bundles(sites):
        os.unlink(path)


def a_diode(sites, overlap=0, more=''):
    """a never hears of b."""
    a, b = sites.two()
    a.more = a.more.replace(
        ' via =', ' oneway = "yes" overlap = "%d" %s via =' % (overlap, more))
    a.write_config()
    a.folder()
    for number in range(5):
        a.save('m%d' % number)
    a.run('sync')
    b.run('sync')
    a.run('sync')
    equal(a, b)
    return a, b


def ship(a, b, code=0):
    a.run('-v', 'write')
    a.run('-v', 'ship')
    said = a.said
    b.run('ship')
    b.run('apply', code=code)
    return said


def told_as_lost(site):
    """By status and gap list, until it came."""
    gaps = [gap for gap in
            json.loads(site.run('gap', 'list', '--json', code=3))
            if gap['kind'] == 'lost']
    assert gaps and all(gap['lacked_here'] for gap in gaps), gaps
    assert 'did not come' in site.run('status', code=3)


@check
def what_one_lost_bundle_held_comes_with_the_next(sites):
    a, b = a_diode(sites, overlap=1)
    for number in range(3):
        a.flag('m1', 'S' * (number % 2))
        a.save('n%d' % number)
        a.run('sync')
        lost(sites)
        a.flag('m2', 'F' * ((number + 1) % 2))
        ship(a, b)
        equal(a, b)
        assert 'nothing to hand over' in ship(a, b)
    no_gap(a, b)
    # Two in a row are too many.
    for flags in 'S', 'FS':
        a.flag('m3', flags)
        a.run('sync')
        lost(sites)
    a.flag('m3', '')
    ship(a, b, code=3)
    told_as_lost(b)
    a.run('resend', 'b')
    ship(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def a_body_that_was_lost_and_nobody_can_ask_for_is_told(sites):
    a, b = a_diode(sites, overlap=1)
    a.save('big', body='Subject: big\n\n' + 150000 * 'more\n' + 'x' * 500000)
    a.run('sync')
    lost(sites)
    a.flag('m1', 'S')
    ship(a, b)
    assert 'waiting for bodies: 1 message' in b.run('status')
    b.sql('UPDATE message SET waits_ms = 1 WHERE waits_ms > 0')
    said = b.run('status', code=3)
    assert '1 mails wait for bodies, and peer a cannot be asked' in said, said
    a.run('resend', 'b')
    ship(a, b)
    assert sorted(a.files()) == sorted(b.files()), (a.files(), b.files())
    b.run('status')


def tables_due(site):
    site.sql("UPDATE meta SET value = 1 WHERE key LIKE 'tables %'")


@check
def a_table_mends_flags_and_expunges_that_were_lost(sites):
    a, b = a_diode(sites)
    a.folder('.Work', 1001, 'b')
    a.save('w1', '.Work')
    ship(a, b)
    equal(a, b)
    a.flag('m1', 'S')
    a.flag('m2', 'F')
    a.expunge('m3')
    a.run('sync')
    lost(sites)
    a.flag('m4', 'S')
    ship(a, b, code=3)
    told_as_lost(b)
    assert 'nothing to hand over' in ship(a, b, code=3)
    tables_due(a)
    assert 'handed over' in ship(a, b)
    equal(a, b)
    b.run('apply')      # what waited builds on nothing any more
    no_gap(a, b)
    assert 'nothing to hand over' in ship(a, b)
    a.flag('m1', 'FS')
    a.save('m6')
    ship(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def a_table_mends_names_and_subscriptions_that_were_lost(sites):
    a, b = a_diode(sites)
    a.folder('.Work', 1001, 'b')
    a.save('w1', '.Work')
    ship(a, b)
    with open(os.path.join(a.mail, 'subscriptions'), 'w') as file:
        file.write('V\t2\n\nWork\n')
    a.run('sync')
    lost(sites)
    os.rename(os.path.join(a.mail, '.Work'), os.path.join(a.mail, '.Done'))
    ship(a, b, code=3)
    tables_due(a)
    ship(a, b)
    assert os.path.isdir(os.path.join(b.mail, '.Done'))
    with open(os.path.join(b.mail, 'subscriptions')) as file:
        assert 'Work' in file.read()
    b.run('apply')
    no_gap(a, b)


@check
def a_table_brings_no_mail_and_so_the_gap_stays(sites):
    a, b = a_diode(sites)
    a.save('m5')
    a.run('sync')
    lost(sites)
    a.flag('m1', 'S')
    ship(a, b, code=3)
    tables_due(a)
    ship(a, b, code=3)
    told_as_lost(b)
    a.run('resend', 'b', 'alice', 'INBOX')
    ship(a, b)
    assert sorted(a.files()) == sorted(b.files()), (a.files(), b.files())
    b.run('apply')
    no_gap(a, b)
    # Its UID is one of that site's own: it came late.
    assert list(b.uids().values()) == list(a.uids().values())


@check
def tables_go_every_so_often_and_never_where_never_is_said(sites):
    a, b = a_diode(sites, more='tables_every = "2s"')
    assert 'nothing to hand over' in ship(a, b)
    time.sleep(2)
    assert 'handed over' in ship(a, b)
    never, b = a_diode(plainsites.Sites(), more='tables_every = never')
    tables_due(never)
    assert 'nothing to hand over' in ship(never, b)


def forget(site, base):
    """A site loses a mail, and every trace of it."""
    where = "(SELECT id FROM message WHERE base = '%s')" % base
    for table, key in (('flag', 'message'), ('dot', 'message'),
                       ('message', 'id')):
        site.sql('DELETE FROM %s WHERE %s IN %s' % (table, key, where))
    site.expunge(base)


@check
def what_is_known_and_was_lost_comes_again(sites):
    a, b = a_diode(sites)
    a.flag('m3', 'F')
    ship(a, b)
    forget(b, 'm3')
    b.sql("UPDATE message SET size = 7 WHERE base = 'm2'")
    b.run('scan', code=3)
    assert 'nothing to hand over' in ship(a, b, code=3)
    assert 'm3' not in [b.base(f) for f in b.files()]
    a.run('resend', 'b')
    assert '5 bodies' in ship(a, b), a.said
    b.run('apply')
    equal(a, b)
    registers = 'SELECT base, size, mtime, letters FROM message ORDER BY base'
    assert a.sql(registers) == b.sql(registers)
    b.run('scan')
    no_gap(a, b)
    a.flag('m3', 'S')
    ship(a, b)
    equal(a, b)


@check
def an_older_one_that_comes_late_brings_nothing_back(sites):
    a, b = a_diode(sites)
    path = os.path.join(sites.top, 'late.pb')
    a.run('resend', 'b')
    a.run('ship', 'b', '--output', path)
    a.expunge('m3')
    a.flag('m1', 'F')
    ship(a, b)
    equal(a, b)
    # As if nobody had ever heard that it was expunged.
    b.sql('DELETE FROM dot WHERE dead_log <> 0')
    b.run('apply', path)
    assert sorted(b.base(f) for f in b.files()) == ['m0', 'm1', 'm2', 'm4']
    equal(a, b)


@check
def a_bundle_that_a_diode_lost_comes_again(sites):
    a, b = a_diode(sites)
    a.folder('.Work', 1001, 'b')
    a.save('w1', '.Work')
    a.flag('m1', 'S')
    a.save('m5')
    a.run('sync')
    lost(sites)
    a.flag('m2', 'F')
    a.save('m6')
    ship(a, b, code=3)
    b.says('was handed over and did not come')
    told_as_lost(b)
    assert 'm5' not in [b.base(f) for f in b.files()]
    assert 'nothing to hand over' in ship(a, b, code=3)
    would = a.run('resend', '--dry-run', 'b')
    assert 'would be handed over again' in would, would
    assert 'nothing to hand over' in ship(a, b, code=3)
    assert a.run('resend', 'b').split(': ', 2)[2] == would.split(': ', 2)[2]
    assert 'handed over' in ship(a, b)
    equal(a, b)
    assert 'nothing to hand over' in ship(a, b)
    no_gap(a, b)


@check
def it_is_written_out_where_the_logs_are_gone(sites):
    a, b = a_diode(sites)
    a.flag('m1', 'S')
    a.save('m5')
    a.run('sync')
    lost(sites)
    for path in segments(a):
        os.unlink(path)
    a.run('resend', 'b', 'alice')
    assert 'came from the state' in ship(a, b)
    equal(a, b)
    a.save('m6')
    ship(a, b)
    equal(a, b)


@check
def one_folder_from_an_lsn_on(sites):
    a, b = a_diode(sites)
    a.save('m5')
    a.flag('m1', 'S')
    a.run('sync')
    lost(sites)
    said = a.run('resend', '--dry-run', 'b', 'alice', 'INBOX')
    count = int(re.search(r'(\d+) changes? of 1 log', said).group(1))
    assert '6 mails' in said, said
    said = a.run('resend', '--from', '6', 'b', 'alice', 'INBOX')
    assert '%d change' % (count - 5) in said and '1 mail of' in said, said
    assert ship(a, b).count('1 body') == 1, a.said
    equal(a, b)


@check
def a_peer_that_answers_says_what_it_has(sites):
    a, b = paired(sites)
    while_away(a)
    exchange(a, b)
    equal(a, b)
    before = {name: b.uids(name) for name in ('', '.Work')}
    a.run('resend', 'b')
    assert 'lacks' in a.run('status')
    exchange(a, b)
    equal(a, b)
    assert before == {name: b.uids(name) for name in ('', '.Work')}
    assert 'has everything' in a.run('status'), a.run('status')
    no_gap(a, b)
    a.flag('m5', 'S')
    exchange(a, b)
    equal(a, b)


@check
def what_is_under_way_does_not_count(sites):
    a, b = paired(sites)
    a.save('new')
    a.run('write')
    for again in range(2):
        a.run('-v', 'ship')
        assert 'handed over' in a.said, a.said
        a.run('-v', 'ship')
        assert 'nothing to hand over' in a.said, a.said
        a.run('resend', 'b', 'alice', 'INBOX')
    exchange(a, b)
    equal(a, b)


@check
def what_cannot_be_sent_is_refused(sites):
    a, b = a_diode(sites)
    b.folder('.Own', 1005, 'e')
    b.save('o1', '.Own')
    b.run('write')
    for words, why in (
            (('c',), 'there is no peer'),
            (('b', 'bob'), 'there is none of that name'),
            (('b', 'alice', 'Nowhere'), 'there is no folder'),
            (('--from', '99', 'b', 'alice', 'INBOX'), 'go so far'),
            (('--from', '0', 'b', 'alice', 'INBOX'), 'usage'),
            (('--from', '3', 'b', 'alice'), 'usage'),
            (('--from', 'x', 'b', 'alice', 'INBOX'), 'usage'),
            (('--all', 'b'), 'usage'),
            ((), 'usage'),
            (('b', 'alice', 'INBOX', 'x'), 'usage')):
        a.run('resend', *words, code=2)
        assert why in a.said, (words, a.said)
    # INBOX is at home at a.
    b.run('resend', 'a', 'alice', 'INBOX', code=2)
    assert 'home is not here' in b.said, b.said
    b.run('resend', 'a', 'alice', 'Own')
    with open(b.config) as file:
        words = file.read()
    with open(b.config, 'w') as file:
        file.write(words.replace(' via =', ' changes = receive via ='))
    b.run('resend', 'a', code=2)
    assert 'no changes go to it' in b.said, b.said


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
