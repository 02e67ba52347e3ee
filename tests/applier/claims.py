#!/usr/bin/env python3
"""Whose UIDs a folder has that two sites filled before they met: the older
folder's at both, whatever order things happened in, and for good."""

import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Meanings:
    """What each UID of a folder ever meant at a site (promise 5)."""

    def __init__(self, site, name=''):
        self.site, self.name = site, name
        self.known = {}
        self.values = []        # of UIDVALIDITY, in their order

    def look(self):
        value = self.site.uidvalidity(self.name)
        if value not in self.values[-1:]:
            self.values.append(value)
        for uid, base in self.site.uids(self.name).items():
            before = self.known.setdefault((value, uid), base)
            assert before == base, 'site %s: UIDVALIDITY %d UID %d was %s, ' \
                'is %s' % (self.site.name, value, uid, before, base)


def filled(sites, names=('',), older=0):
    """Two sites with mail in folders of the same names."""
    both = sites.two()
    for number, site in enumerate(both):
        for i, name in enumerate(names):
            site.folder(name, (1000 if number == older else 2000) + i,
                        'ab'[number] if i == 0 else 'cd'[number])
            for mail in range(3 + 2 * number):
                site.save('%s%d%s' % (site.name, mail, name), name)
    return both


def settle(both, meanings, first=0):
    """Syncs in turns until nothing more is to be done."""
    for _ in range(5):
        for site in (both[first], both[1 - first]):
            site.run('sync')
            for m in meanings:
                m.look()


def same(both, name, uidvalidity):
    for site in both:
        assert site.uidvalidity(name) == uidvalidity, '%s: %s' % (
            site.name, site.uidlist(name))
        assert len(site.files(name)) == 8, site.files(name)


def met(sites, acts, older, first):
    """acts: what the two do before either has heard of the other."""
    both = filled(sites, older=older)
    meanings = [Meanings(site) for site in both]
    for m in meanings:
        m.look()
    for number, command in acts:
        both[number].run(command)
    settle(both, meanings, first)
    same(both, '', 1000)
    assert meanings[older].values == [1000], meanings[older].values
    assert meanings[1 - older].values == [2000, 1000], 'it went back'


BOTH_WROTE = [(0, 'write'), (1, 'write')]


@check
def both_hand_over_before_either_hears(sites):
    met(sites, BOTH_WROTE + [(0, 'ship'), (1, 'ship')], older=0, first=0)


@check
def the_younger_claims_and_hands_over_first(sites):
    met(sites, [(1, 'write'), (1, 'ship'), (0, 'write'), (0, 'ship')],
        older=0, first=1)


@check
def the_older_hears_before_it_looked_at_its_mail(sites):
    met(sites, [(1, 'write'), (1, 'ship'), (0, 'ship'), (0, 'apply')],
        older=0, first=0)


@check
def both_hear_before_they_hand_over_again(sites):
    met(sites, BOTH_WROTE + [(0, 'ship'), (1, 'ship'), (0, 'ship'),
                             (0, 'apply'), (1, 'apply')], older=1, first=0)


@check
def folders_of_one_name_have_the_older_ones_uids(sites):
    both = filled(sites, ('', '.Work'))
    meanings = [Meanings(site, '.Work') for site in both]
    for site in both:
        site.run('write')
    for site in both:
        site.run('ship')
    settle(both, meanings, first=1)
    same(both, '.Work', 1001)
    assert meanings[0].values == [1001], meanings[0].values


@check
def a_folder_that_never_held_mail_gives_way_though_it_is_older(sites):
    a, b = sites.two()
    for site in (a, b):
        site.folder('', 1000)
    a.folder('.Work', 2000, 'c')
    a.save('one', '.Work')
    b.folder('.Work', 500, 'd')
    for _ in range(3):
        b.run('sync')
        a.run('sync')
    assert a.uidvalidity('.Work') == b.uidvalidity('.Work') == 2000
    a.save('two', '.Work')
    a.run('sync')
    b.run('sync')
    assert sorted(b.uids('.Work').items()) == [(1, 'one'), (2, 'two')]


@check
def one_uidvalidity_of_two_folders_means_one_mail_at_each_site(sites):
    both = sites.two()
    meanings = [Meanings(site) for site in both]
    for site in both:
        site.folder('', 1000, site.name)
        for mail in range(3):
            site.save('%s%d' % (site.name, mail))
        site.run('write')
    for m in meanings:
        m.look()
    for site in both:
        site.run('ship')
    settle(both, meanings)
    for site in both:
        assert len(site.files()) == 6 and site.uidvalidity() == 1000


@check
def a_home_that_a_peer_knows_stays_when_a_third_site_comes(sites):
    a, b = sites.two()
    c = sites.site('c')
    a.folder('', 2000)
    a.save('one')
    b.folder('', 3000, 'b')
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    assert b.uidvalidity() == 2000
    c.folder('', 1000, 'c')
    c.save('other')
    sites.pair(c, a)
    meanings = [Meanings(site) for site in (a, b)]
    for _ in range(3):
        for site in (c, a, b):
            site.run('sync')
            for m in meanings:
                m.look()
    assert all(m.values == [2000] for m in meanings)
    assert c.uidvalidity() == 2000, c.uidlist('')
    a.save('two')
    for site in (a, b, c):
        site.run('sync')
        assert 'two:2,' in site.files(), site.files()


def heard_too_late(sites, before_it_hears):
    """c comes with an older INBOX, and gets a's UIDs before it hears that a
    stays at home."""
    a, b = sites.two()
    c = sites.site('c')
    a.folder('', 2000)
    for name in ('one', 'two', 'three'):
        a.save(name)
    a.run('write')
    os.unlink(os.path.join(a.mail, 'cur', 'two:2,'))
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    c.folder('', 1000, 'c')
    for name in ('x', 'y', 'z'):
        c.save(name)
    sites.pair(c, a)
    c.run('sync')
    a.run('ship')
    a.run('apply')
    before_it_hears(a)
    meanings = [Meanings(site) for site in (a, b)]
    for _ in range(3):
        for site in (a, c, b):
            site.run('sync')
            for m in meanings:
                m.look()
    assert all(m.values == [2000] for m in meanings)
    assert c.uidvalidity() == 2000, c.uidlist('')
    uids = {uid: base for uid, base in c.uids().items()
            if base in ('one', 'three')}
    assert uids == {1: 'one', 3: 'three'}, c.uids()
    for site in (a, b, c):
        assert site.run('gap', 'list').strip() == 'no gaps'


@check
def what_a_third_site_did_not_believe_is_said_again(sites):
    heard_too_late(sites, lambda a: None)


@check
def so_it_is_where_the_logs_are_gone(sites):
    def without_logs(a):
        with open(a.config) as file:
            words = file.read()
        with open(a.config, 'w') as file:
            file.write(words.replace(' }', '\nlog_keep = "0s" }', 1))
        a.run('write')
        assert not os.listdir(os.path.join(a.state, 'log', 'alice'))
        a.run('resend', 'c')

    heard_too_late(sites, without_logs)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
