#!/usr/bin/env python3
"""What is too large for a link stays, is listed, and goes another way or when
it is released."""

import json
import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def large(name, size=3000):
    return 'From: Bosun <bosun@example.org>\nSubject: =?utf-8?Q?%s_=E2=9A=93?=\n\n%s\n' % (
        name, 'x' * size)


class Pair:
    """b gets by "sat" what is up to 1K, and by "stick", if there is one, all."""

    def __init__(self, sites, stick=True, more=''):
        self.a, self.b = sites.site('a'), sites.site('b')
        self.vias = {}
        for link in ['sat', 'stick'][:1 + stick]:
            path = os.path.join(sites.top, link)
            os.mkdir(path)
            self.a.run('media', 'init', path)
            self.vias[link] = path
        for site, other in ((self.a, self.b), (self.b, self.a)):
            links = ''.join(
                ' link "%s" { via = "dir:%s" %s }\n' % (
                    link, path, 'hold = 1K' if link == 'sat' and
                    site is self.a else '')
                for link, path in self.vias.items())
            # What is behind a mail that is held does not wait for it.
            site.more = 'peer "%s" { key = "%s" late = 0s %s\n%s}\n' % (
                other.name, other.key, more, links)
            site.write_config()
        self.a.folder()

    def by(self, link):
        """To b over that link, and b's word back."""
        self.a.run('write')
        self.a.run('ship', 'b', link)
        self.b.run('ship', 'a', link)
        self.b.run('apply')
        self.b.run('ship', 'a', link)
        self.a.run('ship', 'b', link)
        self.a.run('apply')

    def held(self):
        return sorted(json.loads(self.a.run('held', '--json')),
                      key=lambda one: one['size'])

    def status(self):
        tree = json.loads(self.a.run('status', '--json'))
        [account] = tree['peers'][0]['accounts']
        return account


def sizes(status):
    return {key: status[key] for key in status if key.startswith('held')
            and status[key]}


@check
def the_large_stay_and_are_listed(sites):
    pair = Pair(sites, stick=False)
    a, b = pair.a, pair.b
    a.save('small')
    a.save('large', body=large('Charts'))
    a.save('larger', body=large('Pictures', 5000))
    a.run('write')
    a.run('ship')
    a.says('too large for this link: 2 bodies')
    # Before b said anything; and when it said that it lacks them.
    for _ in range(2):
        [one, two] = pair.held()
        assert one['subject'] == 'Charts ⚓', one
        assert one['from'] == 'Bosun <bosun@example.org>', one
        assert (one['account'], one['folder']) == ('alice', 'INBOX'), one
        assert (one['goes_by'], one['released']) == (None, False), one
        assert one['size'] == len(large('Charts').encode()), one
        assert two['subject'] == 'Pictures ⚓', two
        size = one['size'] + two['size']
        assert sizes(pair.status()) == {
            'held': 2, 'held_bytes': size,
            'held_stuck': 2, 'held_stuck_bytes': size}, pair.status()
        pair.by('sat')
        assert b.files() == ['small:2,'], b.files()
    said = a.run('held')
    assert 'Charts ⚓' in said and 'No link takes 2 of them' in said, said
    assert 'never sent unless released' in a.run('status')
    a.run('held', 'release', 'b', two['id'][:8])
    a.silent('Pictures', 'bosun')
    assert sizes(pair.status())['held_released'] == 1, pair.status()
    pair.by('sat')
    assert sorted(b.files()) == ['larger:2,', 'small:2,'], b.files()
    [one] = pair.held()
    assert one['subject'] == 'Charts ⚓', one
    assert one['id'][:8] in a.run('held', 'b')
    for site in (a, b):
        site.run('check')


@check
def what_no_link_takes_goes_by_another(sites):
    pair = Pair(sites)
    pair.a.save('large', body=large('Charts'))
    pair.by('sat')
    [one] = pair.held()
    assert one['goes_by'] == 'stick', one
    assert 'held_stuck' not in sizes(pair.status()), pair.status()
    assert '[waits for link stick]' in pair.a.run('held')
    pair.a.run('ship', 'b', 'stick')
    [one] = pair.held()
    assert one['handed_over_by'] == 'stick', one
    assert sizes(pair.status()) == {'held_handed_over': 1}, pair.status()
    # The stick lies in a drawer: over sat it is not sent for all that.
    pair.by('sat')
    assert not pair.b.files(), pair.b.files()
    pair.by('stick')
    assert pair.b.files() == ['large:2,'], pair.b.files()
    assert pair.held() == [] and not sizes(pair.status()), pair.held()
    assert pair.a.run('held') == 'nothing is held\n'


@check
def what_waits_is_written_once(sites):
    pair = Pair(sites, stick=False)
    a = pair.a
    a.save('large', body=large('Charts'))
    pair.by('sat')
    pair.by('sat')
    a.run('ship')

    def written():
        directory = os.path.join(a.state, 'accounts', 'alice')
        return {name: os.stat(os.path.join(directory, name)).st_mtime_ns
                for name in os.listdir(directory)}
    before = written()
    a.run('ship')
    a.says('too large for this link')
    assert written() == before, 'a daemon that watches it would never rest'


@check
def what_is_expunged_is_cancelled_unless_a_copy_needs_it(sites):
    pair = Pair(sites, stick=False)
    a, b = pair.a, pair.b
    a.folder('.Copies', guid='b')
    a.save('large', body=large('Charts'))
    a.save('other', body=large('Pictures'))
    pair.by('sat')
    assert len(pair.held()) == 2
    os.link(a.path_of('large'),
            os.path.join(a.mail, '.Copies', 'cur', 'copy:2,'))
    a.line('copy', '.Copies')
    pair.by('sat')
    a.expunge('large')
    a.expunge('other')
    pair.by('sat')
    [one] = pair.held()
    assert (one['subject'], one['folder']) == ('Charts ⚓', 'Copies'), one
    a.run('held', 'release', 'b', one['id'])
    pair.by('sat')
    assert b.files('.Copies') == ['copy:2,'] and not b.files(), b.files()
    assert pair.held() == []
    # Nothing is left that says it goes.
    a.expunge('copy', '.Copies')
    pair.by('sat')
    assert a.sql('SELECT count(*) FROM released').strip() == '0'


@check
def to_a_peer_that_never_answers_it_goes_once(sites):
    pair = Pair(sites, more='oneway = yes')
    a, b = pair.a, pair.b

    def by(link):
        a.run('write')
        a.run('ship', 'b', link)
        b.run('ship', 'a', link)
        b.run('apply')
    a.save('large', body=large('Charts'))
    a.save('larger', body=large('Pictures', 5000))
    by('sat')
    [one, two] = pair.held()
    a.run('held', 'release', 'b', two['id'])
    by('sat')
    assert b.files() == ['larger:2,'], b.files()
    [left] = pair.held()
    assert left['id'] == one['id'], left
    by('stick')
    assert sorted(b.files()) == ['large:2,', 'larger:2,'], b.files()
    a.save('small')             # with an overlap
    by('sat')
    assert pair.held() == [] and not sizes(pair.status()), pair.held()
    assert len(b.files()) == 3, b.files()


@check
def what_names_nothing_is_refused(sites):
    pair = Pair(sites, stick=False)
    a = pair.a
    a.save('large', body=large('Charts'))
    pair.by('sat')
    a.run('held', 'release', 'b', 'beef', code=2)
    a.says('nothing with the ID beef is held')
    a.run('held', 'release', 'b', 'xyz1', code=2)
    a.says('is no ID')
    a.run('held', 'release', 'nobody', 'beef', code=2)
    a.says('there is no peer "nobody"')
    a.run('held', 'nobody', code=2)
    a.run('held', 'release', 'b', code=2)
    a.says('usage: packetboat held')
    # The mail is gone a moment ago: it is listed all the same.
    os.unlink(a.path_of('large'))
    [one] = pair.held()
    assert one['subject'] is None, one
    assert '(not readable now)' in a.run('held')


sys.exit(plainsites.main(CHECKS))
