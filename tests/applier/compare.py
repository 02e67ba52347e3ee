#!/usr/bin/env python3
"""Folders that differ, for whatever reason, are equal again after some hand-overs,
without an operator; whatever happens to the parcels, and to the mail meanwhile."""

import os
import sys

import plainsites
from gaps import gaps, lose, mailed, registers

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def mail(site):
    """Without UIDs: a mail that comes behind later ones is numbered anew."""
    return sorted(site.files())


def exchange(*sites, times=3):
    for _ in range(times):
        for site in sites:
            site.run('sync', code=None)


def settled(*sites):
    exchange(*sites, times=1)   # the number of what came late
    for site in sites:
        gaps(site, 0)
        site.run('status')
        site.run('check')
    assert mail(sites[0]) == mail(sites[1]), (mail(sites[0]), mail(sites[1]))
    assert registers(sites[0]) == registers(sites[1]), (
        registers(sites[0]), registers(sites[1]))


def skip(a, b):
    """Both come to believe that b knows all that a logged of INBOX."""
    end = a.sql("SELECT l.lsn, l.chain FROM log l JOIN meta m ON"
                " m.key = 'incarnation' AND l.incarnation = m.value"
                " WHERE substr(l.folder, 1, 5) = x'494e424f58'")
    lsn, chain = end.split()
    a.sql("UPDATE ack SET durable = %s, chain = %s, applied = %s WHERE"
          " log IN (SELECT id FROM log WHERE lsn = %s AND chain = %s)"
          % (lsn, chain, lsn, lsn, chain))
    b.sql("UPDATE log SET lsn = %s, chain = %s WHERE lsn > 0 AND"
          " substr(folder, 1, 5) = x'494e424f58'" % (lsn, chain))


def skipped(sites):
    """Of every kind something that b never heard of."""
    a, b = mailed(sites)
    a.flag('m0', 'FS')
    a.expunge('m1')
    a.save('m3', flags='F')
    a.run('write')
    skip(a, b)
    a.flag('m2', 'S')
    a.run('sync')
    b.run('sync', code=3)
    assert gaps(b, 1)
    return a, b


@check
def what_was_never_heard_of_is_made_up_for(sites):
    a, b = skipped(sites)
    assert mail(a) != mail(b)
    exchange(a, b)
    settled(a, b)
    assert len(b.files()) == 3
    # And all goes on as ever.
    a.flag('m3', '')
    a.save('m4')
    exchange(a, b, times=1)
    settled(a, b)


@check
def users_go_on_meanwhile(sites):
    a, b = skipped(sites)
    for number in range(4):
        a.flag('m0', '' if number % 2 else 'F')
        a.save('more%d' % number)
        a.expunge('m3') if number == 1 else None
        a.run('sync', code=None)
        b.run('sync', code=None)
    exchange(a, b)
    settled(a, b)
    assert len(b.files()) == 6


@check
def parcels_that_are_lost_are_made_again(sites):
    a, b = skipped(sites)
    for site in (b, a, b):
        lose(sites)
        site.run('sync', code=None)
        # The time after which it is said again.
        for s in (a, b):
            s.sql('UPDATE comparing SET asked_ms = 1')
    lose(sites)
    for s in (a, b):
        s.sql('UPDATE comparing SET asked_ms = 1')
    exchange(b, a)
    settled(a, b)


@check
def a_scan_asks_again_at_once(sites):
    a, b = skipped(sites)
    lose(sites)
    exchange(a, b, times=1)
    assert gaps(b, 1)
    lose(sites)
    b.run('scan', code=3)
    exchange(b, a)
    settled(a, b)


@check
def what_was_merged_and_not_placed_is_placed_later(sites):
    """The programs are run one by one, as if each died after its work."""
    a, b = skipped(sites)
    for _ in range(3):
        for site in (a, b):
            site.run('ship', code=None)
            site.run('apply', code=None)
            site.run('apply', code=None)
            site.run('write', code=None)
            site.run('ship', code=None)
    settled(a, b)


@check
def lost_changes_that_are_not_told_again_are_compared(sites):
    """A gap in the peer's log, of which nothing is left to be handed over."""
    a, b = mailed(sites)
    b.sql("INSERT INTO gap(kind, folder, log, first, last, reason,"
          " since_ms) SELECT 1, folder, id, lsn + 1, lsn + 5,"
          " 'lost', 1 FROM log WHERE lsn > 0 AND"
          " substr(folder, 1, 5) = x'494e424f58'")
    [gap] = gaps(b, 1)
    assert gap['kind'] == 'lost' and gap['lacked_here'], gap
    a.run('write')
    a.sql("UPDATE ack SET durable = durable - 1")
    exchange(a, b)
    a.flag('m1', 'S')
    exchange(a, b)
    settled(a, b)


@check
def a_folder_named_in_a_scan_is_compared(sites):
    a, b = mailed(sites)
    b.sql("UPDATE message SET mtime = mtime + 7 WHERE base = 'm0'")
    a.run('scan', 'alice', 'INBOX')
    exchange(a, b, times=2)
    settled(a, b)


def oneway(sites):
    a, b = mailed(sites)
    a.more = a.more.replace(' }', ' oneway = "yes" }')
    a.write_config()
    return a, b


@check
def a_table_mends_flags_and_expunges_where_nobody_answers(sites):
    a, b = oneway(sites)
    a.flag('m0', 'FS')
    a.expunge('m1')
    a.run('write')
    skip(a, b)
    a.run('sync')
    lose(sites)
    a.run('scan', 'alice', 'INBOX')
    a.run('ship')
    b.run('sync', code=None)
    assert mail(a) == mail(b), (mail(a), mail(b))


@check
def a_small_folder_is_compared_in_one_small_parcel_each_way(sites):
    """What a comparison of a small folder costs on the carrier."""
    a, b = skipped(sites)
    sizes = []
    for site in (a, b, a):
        site.run('sync', code=None)
        sizes.append(sum(os.path.getsize(os.path.join(where, name))
                         for where, _, names in os.walk(sites.carrier)
                         for name in names if name.endswith('.pb')))
    assert max(sizes) <= 3072, sizes  # a tar of one parcel
    exchange(b, a)
    settled(a, b)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
