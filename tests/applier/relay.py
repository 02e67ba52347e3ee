#!/usr/bin/env python3
"""What others wrote is passed on: ship and office are no peers, shore is the
peer of both."""

import json
import os
import shutil
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def relay(site, other, word):
    """What the key "relay" says of a peer; None: it is not there."""
    head = 'peer "%s" {' % other.name
    lines = site.more.splitlines()
    [at] = [i for i, line in enumerate(lines) if line.startswith(head)]
    key = 'relay = "%s" ' % word if word else ''
    lines[at] = '%s %skey = %s' % (head, key, lines[at].split('key = ')[1])
    site.more = '\n'.join(lines) + '\n'
    site.write_config()


class Chain:
    """ship - shore - office; a folder at home at each, and INBOX at ship."""

    def __init__(self, sites, passes='send', takes='receive'):
        self.ship, self.shore, self.office = self.all = [
            sites.site(name) for name in ('ship', 'shore', 'office')]
        for site in self.all:
            site.folder(guid='%x' % (1 + self.all.index(site)))
        self.carriers = {}
        for end in (self.ship, self.office):
            self.carriers[end.name] = sites.pair(self.shore, end)
            relay(self.shore, end, passes)
            relay(end, self.shore, takes)
        for digit, site in enumerate(self.all, 5):
            site.folder('.' + site.name, uidvalidity=7000 + digit,
                        guid='%x' % digit)
            for n in range(3):
                site.save('%s.%d' % (site.name, n), '.' + site.name,
                          flags='S' if n else '')
        self.ship.save('inbox.1')

    def round(self):
        """All that was said on stderr."""
        said = ''
        for site in (self.ship, self.shore, self.office, self.shore):
            site.run('sync', code=None)
            said += site.said
        return said

    def settle(self, rounds=3):
        for _ in range(rounds):
            self.round()

    def names(self):
        return ['', '.ship', '.shore', '.office']


def shown(site, name):
    """UIDVALIDITY, UIDs, names, flags and bytes of a folder."""
    if not os.path.exists(os.path.join(site.mail, name, 'dovecot-uidlist')):
        return None
    mails = []
    for uid, base in site.uids(name).items():
        path = site.path_of(base, name)
        with open(path) as file:
            mails.append((uid, base, path.split(':2,')[1], file.read()))
    return site.uidvalidity(name), sorted(mails)


def equal(all_sites, names):
    for name in names:
        first = shown(all_sites[0], name)
        for site in all_sites[1:]:
            assert shown(site, name) == first, '%s, %s: %s\n%s: %s' % (
                name, all_sites[0].name, first, site.name, shown(site, name))


def no_gaps(*sites):
    for site in sites:
        assert not json.loads(site.run('gap', 'list', '--json')), site.name


def lags(site, peer):
    [found] = [p for p in json.loads(site.run('status', '--json'))['peers']
               if p['name'] == peer]
    return [a['lag_changes'] for a in found['accounts']]


def quiet(run):
    """Two sites with nothing to say say nothing."""
    for _ in range(2):
        said = run()
        assert 'handed over' not in said, said
        assert 'collected' not in said, said


@check
def a_chain_has_the_folders_of_all(sites):
    chain = Chain(sites)
    chain.settle()
    equal(chain.all, chain.names())
    assert len(shown(chain.office, '.ship')[1]) == 3
    assert len(shown(chain.ship, '.office')[1]) == 3
    assert len(shown(chain.office, '')[1]) == 1
    chain.ship.flag('ship.1', 'FS', '.ship')
    chain.ship.expunge('ship.2', '.ship')
    chain.ship.save('ship.new', '.ship')
    chain.office.flag('office.0', 'R', '.office')
    chain.settle(3)
    equal(chain.all, chain.names())
    assert len(shown(chain.office, '.ship')[1]) == 3
    quiet(chain.round)
    no_gaps(*chain.all)
    for end in ('ship', 'office'):
        assert lags(chain.shore, end) == [0], end
    # Who is no peer of a folder's home compares it with who is.
    for site in (chain.ship, chain.office):
        agreed = int(site.sql('SELECT count(*) FROM stated'
                              ' WHERE agreed_ms > 0').split()[-1])
        assert agreed >= 3, (site.name, agreed)


@check
def without_relay_nothing_is_passed_on(sites):
    chain = Chain(sites, 'send', None)
    relay(chain.shore, chain.ship, None)
    relay(chain.ship, chain.shore, 'yes')
    chain.settle(3)
    equal([chain.shore, chain.office], ['.office', '.shore'])
    equal([chain.ship, chain.shore], ['', '.ship', '.shore'])
    assert shown(chain.office, '.ship') is None
    assert shown(chain.ship, '.office') is None
    for site in chain.all:
        assert not os.path.exists(os.path.join(site.state, 'refused'))


@check
def an_inbox_without_mail_gives_way_to_one_that_is_heard_of_late(sites):
    chain = Chain(sites, None, None)
    for _ in range(2):
        chain.round()       # shore knows what each of the two claims
    for end in (chain.ship, chain.office):
        relay(chain.shore, end, 'send')
        relay(end, chain.shore, 'receive')
    chain.settle()
    chain.ship.save('inbox.2')
    chain.settle()
    equal(chain.all, chain.names())
    assert len(shown(chain.office, '')[1]) == 2


@check
def who_may_not_relay_is_refused(sites):
    chain = Chain(sites)
    for site in (chain.ship, chain.shore, chain.office):
        site.run('sync', code=None)     # shore knows that office takes it
    chain.shore.run('sync')             # and lays it there
    relay(chain.office, chain.shore, None)
    chain.office.run('sync', code=None)
    chain.office.says('may not relay')
    assert shown(chain.office, '.ship') is None
    # Its own word counts again as soon as it heard that.
    chain.settle()
    equal([chain.shore, chain.office], ['.office', '.shore'])
    assert shown(chain.office, '.ship') is None
    relay(chain.office, chain.shore, 'receive')
    chain.settle()
    equal(chain.all, chain.names())


@check
def a_ring_passes_everything_once_at_most(sites):
    ring = [sites.site(name) for name in ('ship', 'shore', 'office')]
    for digit, site in enumerate(ring, 5):
        site.folder(guid='%x' % (digit - 4))
        site.folder('.' + site.name, uidvalidity=7000 + digit,
                    guid='%x' % digit)
        site.save(site.name + '.1', '.' + site.name)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        sites.pair(ring[one], ring[other])
        relay(ring[one], ring[other], 'yes')
        relay(ring[other], ring[one], 'yes')

    def turn():
        said = ''
        for site in ring:
            site.run('sync', code=None)
            said += site.said
        return said

    names = ['.' + site.name for site in ring]
    for _ in range(4):
        turn()
    equal(ring, names)
    quiet(turn)
    ring[0].flag('ship.1', 'F', '.ship')
    ring[1].save('shore.2', '.shore')
    for _ in range(3):
        turn()
    equal(ring, names)
    assert len(shown(ring[2], '.shore')[1]) == 2
    quiet(turn)
    no_gaps(*ring)


@check
def a_body_that_the_relay_lacks_follows_when_it_has_it(sites):
    chain = Chain(sites)
    chain.settle()
    key = 'hold = "1K" '
    chain.ship.more = chain.ship.more.replace('via =', key + 'via =')
    chain.ship.write_config()
    chain.ship.save('large', '.ship', body='Subject: x\n\n' + 'long ' * 900)
    chain.settle(3)
    assert len(shown(chain.office, '.ship')[1]) == 3
    chain.ship.more = chain.ship.more.replace(key, '')
    chain.ship.write_config()
    chain.settle(2)
    for site in (chain.shore, chain.office):
        assert 'large' in shown(site, '.ship')[1][-1][1]
    no_gaps(*chain.all)


@check
def a_state_that_was_lost_is_told_all_by_the_relay(sites):
    chain = Chain(sites)
    chain.settle()
    before = [shown(chain.office, name) for name in chain.names()]
    chain.ship.expunge('ship.2', '.ship')
    shutil.rmtree(os.path.join(chain.office.state, 'accounts'))
    shutil.rmtree(os.path.join(chain.office.state, 'log'))
    chain.settle(5)
    equal(chain.all, chain.names())
    assert [len(shown(chain.office, name)[1]) for name in chain.names()] == [
        len(mails) - (name == '.ship')
        for name, (_, mails) in zip(chain.names(), before)]
    quiet(chain.round)


@check
def a_relay_that_lost_its_state_hears_it_from_both(sites):
    chain = Chain(sites)
    chain.settle()
    shutil.rmtree(os.path.join(chain.shore.state, 'accounts'))
    shutil.rmtree(os.path.join(chain.shore.state, 'log'))
    chain.ship.save('ship.new', '.ship')
    chain.settle(5)
    equal(chain.all, chain.names())
    assert len(shown(chain.office, '.ship')[1]) == 4
    quiet(chain.round)


@check
def sites_that_become_peers_go_on_from_what_was_passed_on(sites):
    chain = Chain(sites)
    chain.settle()
    sites.pair(chain.ship, chain.office)
    chain.ship.flag('ship.0', 'F', '.ship')
    chain.office.save('office.new', '.office')
    chain.settle()
    equal(chain.all, chain.names())
    quiet(chain.round)
    no_gaps(*chain.all)


@check
def what_a_site_shows_in_part_is_not_passed_on(sites):
    chain = Chain(sites)
    head = 'peer "shore" { '
    chain.ship.more = chain.ship.more.replace(
        head, head + 'send = { "INBOX", "ship" } ')
    chain.ship.write_config()
    chain.ship.folder('.secret', guid='9')
    chain.ship.save('secret.1', '.secret')
    chain.settle()
    equal([chain.ship, chain.shore], ['.ship'])
    assert shown(chain.office, '.ship') is None
    equal(chain.all, ['.shore', '.office'])


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
