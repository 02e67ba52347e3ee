#!/usr/bin/env python3
"""GUIDs and POP3 fields of messages that are renamed at one site while the
other's server notes something of them."""

import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def rename(site, old, new, extra=''):
    """A message gets another name, and another UID, as Dovecot's MOVE inside
    a folder gives it."""
    cur = os.path.join(site.mail, 'cur')
    os.rename(os.path.join(cur, old + ':2,'), os.path.join(cur, new + ':2,'))
    lines = site.uidlist('')
    site.uidlist('', *[line for line in lines
                       if not line.endswith(':' + old)])
    site.line(new, '', extra)


def note(site, base, extra):
    """The server writes other fields of a message."""
    site.uidlist('', *['%s %s:%s' % (line.split(' ')[0], extra and
                                     extra + ' ', base)
                       if line.endswith(':' + base) else line
                       for line in site.uidlist('')])


def fields(site, base):
    line = [line for line in site.uidlist('') if line.endswith(':' + base)]
    assert len(line) == 1, site.uidlist('')
    return set(line[0][:-len(base) - 1].split()[1:])


def joined(sites):
    a, b = sites.two()
    a.folder()
    a.save('one')
    a.save('other', extra='Pkept')
    carry(a, b)
    return a, b


def carry(a, b):
    for site in (a, b, a):
        site.run('sync')


@check
def a_guid_outlives_what_is_noted_later_elsewhere(sites):
    a, b = joined(sites)
    rename(a, 'one', 'two', 'Gone')
    a.run('write')
    note(b, 'one', 'Puidl')
    b.run('write')
    carry(a, b)
    assert fields(b, 'two') == {'Gone', 'Puidl'}, b.uidlist('')
    carry(a, b)
    assert fields(b, 'two') == {'Gone', 'Puidl'}, b.uidlist('')


@check
def a_guid_outlives_what_was_noted_before_elsewhere(sites):
    a, b = joined(sites)
    note(b, 'one', 'Puidl')
    b.run('write')
    rename(a, 'one', 'two', 'Gone')
    a.run('write')
    carry(a, b)
    assert fields(b, 'two') == {'Gone'}, b.uidlist('')


@check
def a_plain_rename_gives_the_guid_of_the_new_name(sites):
    a, b = joined(sites)
    rename(a, 'one', 'two', 'Gone')
    carry(a, b)
    rename(a, 'two', 'three')
    a.run('write')
    note(b, 'two', 'Gone Puidl')
    b.run('write')
    carry(a, b)
    assert fields(b, 'three') == {'Puidl'}, b.uidlist('')


@check
def a_message_moves_under_its_guid(sites):
    a, b = joined(sites)
    rename(a, 'one', 'two', 'Gone')
    a.folder('.Box', guid='b')
    carry(a, b)
    # The applier does not know inodes, and the name becomes another one.
    os.rename(os.path.join(b.mail, 'cur', 'two:2,'),
              os.path.join(b.mail, '.Box', 'cur', 'three:2,'))
    b.line('three', '.Box', 'Gone')
    b.run('write')
    assert ' move ' in b.log(), b.log()
    assert ' save ' not in b.log(), b.log()


@check
def fields_come_and_go_without_the_guid(sites):
    a, b = joined(sites)
    rename(a, 'one', 'two', 'Gone')
    carry(a, b)
    for extra in ('O2 Puidl Gone', 'Gone', 'Gnew Puidl', 'Xkept Gnew'):
        note(a, 'two', extra)
        carry(a, b)
        assert fields(b, 'two') == set(extra.split()), b.uidlist('')
    assert fields(b, 'other') == {'Pkept'}, b.uidlist('')


@check
def a_guid_that_is_gone_is_gone_everywhere(sites):
    a, b = joined(sites)
    rename(a, 'one', 'two', 'Gone')
    carry(a, b)
    note(a, 'two', 'Puidl')
    a.run('write')
    note(a, 'two', 'O1 Puidl')
    carry(a, b)
    assert fields(b, 'two') == {'O1', 'Puidl'}, b.uidlist('')
    before = a.log()
    carry(a, b)
    assert a.log() == before
    assert ' extra ' not in b.log(), b.log()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
