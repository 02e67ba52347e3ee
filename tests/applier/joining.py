#!/usr/bin/env python3
"""States that were lost: what peers know comes back, and nothing else does."""

import os
import shutil
import sys

import plainsites
from truncation import move

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def lose_state(site):
    for part in ('accounts', 'log'):
        shutil.rmtree(os.path.join(site.state, part), ignore_errors=True)


def mail(site, name=''):
    """{base: (flags, UID)}"""
    uids = {base: uid for uid, base in site.uids(name).items()}
    return {site.base(f): (f.split(':2,')[1] if ':2,' in f else '',
                           uids.get(site.base(f))) for f in site.files(name)}


def mailed(sites, count=6):
    a, b = sites.two()
    a.folder()
    a.folder('.Work', 2000, 'b')
    for number in range(count):
        a.save('m%d' % number, flags='S' if number % 2 else '')
    a.save('w0', '.Work')
    around(a, b, rounds=2)
    assert mail(a) == mail(b) and len(mail(a)) == count
    return a, b


def around(a, b, rounds=3):
    for _ in range(rounds):
        for site in (a, b):
            site.run('sync', code=None)


def births(site):
    return [line for line in site.log().splitlines()
            if ' save ' in line or ' copy ' in line]


def bytes_on(carrier, site):
    """What lies there from a site, in bytes of bundles."""
    return sum(os.path.getsize(os.path.join(where, name))
               for where, _, names in os.walk(carrier) for name in names
               if name.endswith('.pb'))


@check
def a_lost_state_at_home_comes_back_from_the_peer(sites):
    a, b = mailed(sites)
    before = mail(a)
    lose_state(a)
    a.run('write')
    assert 'nothing is logged before they have answered' in a.said, a.said
    assert not births(a), births(a)
    around(a, b)
    assert mail(a) == mail(b) == before
    # No mail was logged anew: what peers know is what it is.
    assert not births(a), births(a)
    assert not births(b)
    # And it goes on as before.
    a.save('later')
    a.flag('m1', 'FS')
    a.expunge('m2')
    around(a, b)
    assert mail(a) == mail(b)
    assert [line for line in births(a) if 'later' in line] == births(a)
    for site in (a, b):
        site.run('status')
        site.run('check')


@check
def what_happened_at_home_since_the_last_exchange_is_found(sites):
    a, b = mailed(sites)
    a.save('new')
    a.expunge('m0')
    a.flag('m1', 'FS')
    a.flag('m3', '')
    old = a.path_of('m4')
    a.line('m4', '.Work')
    os.rename(old, os.path.join(a.mail, '.Work', 'cur',
                                os.path.basename(old)))
    lose_state(a)
    around(a, b)
    assert sorted(mail(a)) == ['m1', 'm2', 'm3', 'm5', 'new']
    assert sorted(mail(a, '.Work')) == ['m4', 'w0']
    assert mail(a)['m1'][0] == 'FS' and mail(a)['m3'][0] == ''
    for name in ('', '.Work'):
        assert mail(a, name) == mail(b, name), (mail(a, name), mail(b, name))
    assert len(births(a)) == 1, births(a)


@check
def what_was_expunged_while_a_standby_had_lost_its_state_goes(sites):
    a, b = mailed(sites)
    lose_state(b)
    a.expunge('m0')
    a.flag('m1', 'F')
    a.save('new')
    around(a, b)
    assert mail(a) == mail(b) and 'm0' not in mail(b)
    assert not births(b), births(b)
    trash = [name for _, _, names in os.walk(os.path.join(
        b.mail, 'cur/.packetboat/trash')) for name in names]
    assert any(name.startswith('m0') for name in trash), trash


@check
def a_folder_that_was_deleted_meanwhile_goes(sites):
    a, b = mailed(sites)
    lose_state(b)
    shutil.rmtree(os.path.join(a.mail, '.Work'))
    around(a, b)
    assert not os.path.exists(os.path.join(b.mail, '.Work'))
    assert mail(a) == mail(b)


@check
def mail_of_its_own_that_nobody_knew_stays(sites):
    a, b = mailed(sites)
    lose_state(a)
    lose_state(b)
    b.save('own')
    around(a, b)
    assert 'own' in mail(b), mail(b)
    assert sorted(mail(a)) == sorted(set(mail(b)) - {'own'})
    assert len(mail(a)) == 6
    # New, or expunged at home? A person has to say; in which words it is told
    # depends on which of the two was first again.
    told = b.run('gap', 'list', code=3)
    assert ('held mail that no peer knew' in told or
            'of this site and of a peer were lost' in told), told
    b.run('gap', 'accept', 'alice', 'ALL')
    told = b.run('gap', 'list')
    assert told == 'no gaps\n', told


@check
def a_folder_that_was_deleted_at_home_while_its_state_was_lost_is_told(sites):
    a, b = mailed(sites)
    lose_state(a)
    shutil.rmtree(os.path.join(a.mail, '.Work'))
    around(a, b)
    assert mail(a, '.Work') == mail(b, '.Work') and mail(a, '.Work')
    assert 'Work: it was not there when' in a.run('gap', 'list', code=3)


@check
def a_seeded_maildir_joins_and_only_the_differences_travel(sites):
    a, b = sites.two()
    a.folder()
    for number in range(200):
        a.save('m%d' % number, body='Subject: %d\n\n%s\n' % (
            number, os.urandom(2000).hex()))
    a.run('write')
    # rsync, the marker and all; then half a year passes.
    shutil.copytree(a.mail, b.mail)
    for number in range(5):
        a.expunge('m%d' % number)
        a.save('n%d' % number, body='Subject: n\n\n%s\n' %
               os.urandom(2000).hex())
    a.flag('m7', 'F')
    # It speaks first, or all bodies would be on their way already.
    b.run('sync', code=None)
    assert not births(b), births(b)
    travelled = 0
    for _ in range(3):
        a.run('sync')
        travelled += bytes_on(sites.carrier, a)
        b.run('sync', code=None)
    assert mail(a) == mail(b), (mail(a), mail(b))
    assert not births(b), births(b)
    # 200 bodies are 800 kB, five of them (hex) 10 kB; a bundle 2 kB at least.
    assert travelled < 20000, travelled


def moved(site, base, name, to, new):
    """As Dovecot moves a mail: under another base name."""
    [old] = [f for f in site.files(name) if site.base(f) == base]
    os.rename(os.path.join(site.mail, name, 'cur', old),
              os.path.join(site.mail, to, 'cur', old.replace(base, new)))
    site.line(new, to)
    site.run('write')


@check
def what_was_moved_since_a_backup_lies_where_it_was_moved_or_is_gone(sites):
    a, b = sites.two()
    a.folder()
    a.folder('.Work', 2000, 'b')
    for number in range(8):
        a.save('m%d' % number)
    a.run('write')
    moved(a, 'm2', '', '.Work', 'n2')
    moved(a, 'm3', '', '.Work', 'n3')
    shutil.copytree(a.mail, b.mail)
    moved(a, 'm0', '', '.Work', 'n0')
    moved(a, 'm1', '', '.Work', 'n1')
    moved(a, 'n2', '.Work', '', 'o2')
    moved(a, 'n3', '.Work', '', 'o3')
    moved(a, 'm4', '', '.Work', 'm4')
    a.expunge('n1', '.Work')
    a.expunge('o3')
    around(b, a, rounds=4)
    for name in '', '.Work':
        assert mail(a, name) == mail(b, name), (mail(a, name), mail(b, name))
    assert len(mail(b)) == 4 and len(mail(b, '.Work')) == 2
    assert not births(b), births(b)
    assert len([line for line in a.log().splitlines()
                if ' save ' in line]) == 8


def body_of(site, file):
    with open(site.path_of(site.base(file))) as mail_file:
        return mail_file.read()


def turned(sites, site, peer):
    """Bytes of bundles of the peer until both have the same, and how many."""
    sizes = []
    while sorted(mail(site)) != sorted(mail(peer)) or len(sizes) < 2:
        assert len(sizes) < 5, sizes
        site.run('sync', code=None)
        peer.run('sync', code=None)
        sizes.append(bytes_on(sites.carrier, peer))
    site.run('sync', code=None)
    return sum(sizes), len(sizes)


@check
def what_both_have_is_told_in_brief(sites):
    a, b = mailed(sites, 600)
    lose_state(b)
    a.flag('m7', 'F')
    a.expunge('m8')
    a.save('new')
    size, turns = turned(sites, b, a)
    # The new mail was never placed here: it came whole at once; its body came
    # in the next turn, and was placed in the third.
    assert turns == 3 and mail(a) == mail(b), turns
    assert not births(b), births(b)
    # 600 messages were 16 kB; each bundle is 2 kB.
    assert size < 3000 * turns, (size, turns)


@check
def what_differs_comes_whole(sites):
    a, b = mailed(sites, 200)
    lose_state(b)
    # Another mail under the UID and the name of one that they know, and one
    # that is not there any more.
    with open(b.path_of('m70'), 'r+') as file:
        file.write('X')
    os.unlink(b.path_of('m20'))
    around(a, b, rounds=5)
    bodies = [{body_of(site, file) for file in site.files()}
              for site in (a, b)]
    assert bodies[0] <= bodies[1], bodies[0] - bodies[1]
    # What nobody knew is mail, too.
    assert len(bodies[1] - bodies[0]) == 1, bodies[1] - bodies[0]
    assert len(births(b)) == 1, len(births(b))


@check
def under_other_uids_all_comes_whole_and_nothing_twice(sites):
    a, b = mailed(sites, 200)
    lose_state(b)
    lines = b.uidlist('')
    lines[0] = lines[0].replace(' V1000 ', ' V77 ')
    b.uidlist('', *lines)
    turned(sites, b, a)
    around(a, b)
    assert sorted(mail(a)) == sorted(mail(b)) and len(b.files()) == 200
    assert not births(b), len(births(b))
    # And under the same UIDVALIDITY, but every UID another mail's.
    lose_state(b)
    lines = b.uidlist('')
    uids = [line.split(' ', 1)[0] for line in lines[1:]]
    rest = [line.split(' ', 1)[1] for line in lines[1:]]
    b.uidlist('', lines[0], *['%s %s' % pair for pair in zip(
        uids, rest[1:] + rest[:1])])
    turned(sites, b, a)
    around(a, b)
    assert sorted(mail(a)) == sorted(mail(b)) and len(b.files()) == 200
    assert not births(b), births(b)


@check
def no_body_that_a_peer_has_travels_when_the_home_has_joined(sites):
    a, b = mailed(sites)
    for number in range(20):
        a.save('big%d' % number, body='Subject: n\n\n%s\n' %
               os.urandom(2000).hex())
    around(a, b, rounds=2)
    a.save('new')
    a.expunge('big3')
    lose_state(a)
    travelled = 0
    for _ in range(3):
        a.run('sync')
        travelled += bytes_on(sites.carrier, a)
        b.run('sync')
    assert mail(a) == mail(b), (mail(a), mail(b))
    # One body is 2 kB, 20 are 40.
    assert travelled < 8000, travelled


@check
def it_waits_for_every_peer_that_can_answer(sites):
    a, b, c = sites.site('a'), sites.site('b'), sites.site('c')
    sites.pair(a, b)
    sites.pair(a, c)
    a.folder()
    a.save('m0')
    for site in (a, b, c, a):
        site.run('sync')
    lose_state(a)
    a.save('new')
    for _ in range(3):
        a.run('sync')
        b.run('sync')
    assert not births(a), births(a)
    assert sorted(mail(b)) == ['m0']
    c.run('sync')
    for site in (a, b, c):
        site.run('sync')
    assert sorted(mail(b)) == sorted(mail(c)) == ['m0', 'new']
    assert len(births(a)) == 1


@check
def a_site_with_peers_that_cannot_answer_goes_on(sites):
    a, b = sites.site('a'), sites.site('b')
    carrier = sites.pair(a, b)
    a.more = a.more.replace(' via', ' oneway = "yes" via')
    a.write_config()
    assert carrier
    a.folder()
    a.save('m0')
    for site in (a, b, a):
        site.run('sync')
    lose_state(a)
    a.save('m1')
    for site in (a, b):
        site.run('sync')
    assert mail(a) == mail(b) and len(mail(b)) == 2


@check
def nothing_comes_back_into_a_state_that_does_not_join(sites):
    a, b = mailed(sites)
    lose_state(a)
    a.run('sync')
    b.run('sync')
    # The answer lies on the carrier; another is given later: it says nothing
    # new, whoever repeats it.
    shutil.copytree(sites.carrier, os.path.join(sites.top, 'kept'))
    around(a, b)
    a.expunge('m0')
    around(a, b)
    shutil.rmtree(sites.carrier)
    shutil.copytree(os.path.join(sites.top, 'kept'), sites.carrier)
    around(a, b)
    assert mail(a) == mail(b) and 'm0' not in mail(a)
    assert not births(a)


def keep_state(sites, site):
    kept = os.path.join(sites.top, site.name + '.kept')
    shutil.copytree(site.state, kept)
    return kept


def put_back(site, kept):
    """As from a backup: other files, of an older time."""
    shutil.rmtree(site.state)
    shutil.copytree(kept, site.state)


@check
def a_state_from_last_week_at_home_catches_up_and_logs_nothing_twice(sites):
    a, b = mailed(sites)
    kept = keep_state(sites, a)
    # A week passes: known to the peer, and not to the state of then.
    a.save('new')
    a.flag('m1', 'FS')
    a.expunge('m0')
    old = a.path_of('m4')
    a.line('m4', '.Work')
    os.rename(old, os.path.join(a.mail, '.Work', 'cur',
                                os.path.basename(old)))
    around(a, b)
    assert mail(a) == mail(b) and 'new' in mail(b)
    logged = len(births(a))
    # And what no peer knows yet.
    a.save('newer')
    a.flag('m3', '')
    put_back(a, kept)
    a.run('write')
    assert 'a new incarnation begins' in a.said, a.said
    assert '"newer"' not in a.log()
    around(a, b)
    for name in ('', '.Work'):
        assert mail(a, name) == mail(b, name), (mail(a, name), mail(b, name))
    assert mail(a)['m3'][0] == '' and 'newer' in mail(b)
    assert 'm4' in mail(b, '.Work') and 'm0' not in mail(a)
    # The week's changes are in no segment here any more, and are not lost.
    assert len([line for line in births(a) if 'newer' in line]) == 1
    assert len(births(a)) == logged, births(a)
    for site in (a, b):
        site.run('status')
        site.run('check')
    a.save('last')
    around(a, b)
    assert mail(a) == mail(b) and 'last' in mail(b)


def link(site, base, name, to):
    old = site.path_of(base, name)
    os.link(old, os.path.join(site.mail, to, 'cur', os.path.basename(old)))
    site.line(base, to)


@check
def what_users_took_back_since_is_not_what_was_known_last_week(sites):
    a, b = mailed(sites, count=10)
    kept = keep_state(sites, a)
    # A week passes, of which the peer knows,
    for base in ('m0', 'm2'):
        a.flag(base, 'S')
    back = a.path_of('m1')
    os.rename(back, a.path('m1'))
    for base in ('m3', 'm4', 'm5'):
        move(a, base, '', '.Work')
    link(a, 'm6', '', '.Work')
    for base in ('n0', 'n1', 'n2'):
        a.save(base)
    around(a, b)
    # an hour, of which it does not,
    a.flag('m0', '')
    os.rename(a.path('m1'), back)
    lines = [line for line in a.uidlist('') if not line.endswith(':m1')]
    a.uidlist('', *lines)
    a.line('m1')
    move(a, 'm3', '.Work', '')
    a.flag('m4', 'FS', '.Work')
    a.expunge('m5', '.Work')
    a.expunge('m6')
    a.expunge('n0')
    move(a, 'n1', '', '.Work')
    put_back(a, kept)
    a.run('write')
    assert 'a new incarnation begins' in a.said, a.said
    # and some minutes, in which it waits for answers.
    a.flag('m2', '')
    a.expunge('m7')
    move(a, 'm8', '', '.Work')
    link(a, 'm9', '', '.Work')
    a.save('n3')
    before = [mail(a, name) for name in ('', '.Work')]
    around(a, b, rounds=4)
    for site in (a, b):
        assert [mail(site, name) for name in ('', '.Work')] == before, (
            before, mail(site), mail(site, '.Work'))
        site.run('status')


def keep_machine(sites, site):
    kept = keep_state(sites, site)
    shutil.copytree(site.mail, site.path('mail.kept'))
    return kept


def put_back_machine(site, kept):
    os.rename(site.mail, site.path('mail.gone'))    # keeps its inodes
    shutil.copytree(site.path('mail.kept'), site.mail)
    put_back(site, kept)


def subscribed(site):
    with open(os.path.join(site.mail, 'subscriptions')) as file:
        return set(file.read().split()) - {'V', '2'}


def subscribe(site, *names):
    with open(os.path.join(site.mail, 'subscriptions'), 'w') as file:
        file.writelines(name + '\n' for name in names)


def rename(site, name, to):
    os.rename(os.path.join(site.mail, name), os.path.join(site.mail, to))


@check
def a_machine_from_last_week_takes_the_week_from_its_peer(sites):
    a, b = mailed(sites)
    kept = keep_machine(sites, a)
    a.flag('m0', 'S')
    a.flag('m1', '')
    a.expunge('m2')
    move(a, 'm3', '', '.Work')
    move(a, 'm4', '', '.Work')
    move(a, 'm4', '.Work', '')          # it has another UID then
    a.save('n0')
    around(a, b)
    before = [mail(a, name) for name in ('', '.Work')]
    put_back_machine(a, kept)
    around(a, b, rounds=4)
    for site in (a, b):
        assert [mail(site, name) for name in ('', '.Work')] == before, (
            before, mail(site), mail(site, '.Work'))
        site.run('status')


@check
def what_folders_were_called_last_week_is_not_what_they_are_called(sites):
    a, b = mailed(sites)
    for name, guid in (('.Lists', 'c'), ('.Old', 'd'), ('.Gone', 'e')):
        a.folder(name, 3000, guid)
    subscribe(a, 'Work', 'Old')
    around(a, b)
    kept = keep_machine(sites, a)
    rename(a, '.Lists', '.Letters')
    a.folder('.New', 4000, 'f')
    a.save('n0', '.New')
    shutil.rmtree(os.path.join(a.mail, '.Gone'))
    subscribe(a, 'Work', 'Letters')
    around(a, b)
    assert subscribed(b) == {'Work', 'Letters'}, subscribed(b)
    put_back_machine(a, kept)
    a.run('write')
    # And some minutes, in which it waits for answers.
    rename(a, '.Old', '.Older')
    subscribe(a, 'Old')
    around(a, b, rounds=4)
    for site in (a, b):
        names = {name for name in os.listdir(site.mail)
                 if os.path.isdir(os.path.join(site.mail, name, 'cur'))
                 and name[0] == '.'}
        names = {name for name in names if name[1:2].isupper()}
        assert names == {'.Work', '.Letters', '.New', '.Older'}, (
            site.name, names)
        assert 'n0' in mail(site, '.New')
        assert subscribed(site) >= {'Letters'}, (site.name, subscribed(site))
        assert 'Work' not in subscribed(site), (site.name, subscribed(site))
        site.run('status')


@check
def no_uid_of_the_week_is_given_again(sites):
    a, b = mailed(sites)
    kept = keep_machine(sites, a)
    a.save('n0')
    a.save('n1')
    a.expunge('n1')
    a.save('w1', '.Work')
    around(a, b)
    before = [mail(a, name) for name in ('', '.Work')]
    seen = a.uids(), a.uids('.Work')
    a.save('n2')
    a.expunge('n2')
    around(a, b)
    put_back_machine(a, kept)
    a.save('early', '.Work')            # before it knows what was given
    around(a, b, rounds=4)
    assert mail(a) == before[0], (mail(a), before[0])
    a.save('later')
    around(a, b)
    assert mail(a)['later'][1] == 10, mail(a)
    assert set(mail(a, '.Work')) == {'w0', 'w1', 'early'}, (
        mail(a, '.Work'), a.uidlist('.Work'))
    [w1] = [uid for uid, base in seen[1].items() if base == 'w1']
    assert mail(a, '.Work')['early'][1] > w1, mail(a, '.Work')
    for name in ('', '.Work'):
        assert mail(a, name) == mail(b, name), (mail(a, name), mail(b, name))
    for site in (a, b):
        site.run('status')
        site.run('check')


@check
def mail_that_came_in_the_place_of_lost_mail_expunges_none(sites):
    a, b = mailed(sites)
    shutil.copytree(a.mail, a.path('mail.kept'))
    a.save('n0')
    a.save('n1')
    around(a, b)
    os.rename(a.mail, a.path('mail.gone'))
    shutil.copytree(a.path('mail.kept'), a.mail)
    lose_state(a)
    a.save('early0')                    # under the UIDs of n0 and n1
    a.save('early1')
    around(a, b, rounds=4)
    known = {'m%d' % number for number in range(6)}
    for site in (a, b):
        assert set(mail(site)) == known | {'n0', 'n1', 'early0', 'early1'}, (
            site.name, mail(site))
    assert mail(a) == mail(b), (mail(a), mail(b))
    given = [uid for _, uid in mail(a).values()]
    assert len(set(given)) == len(given) and max(given) < 20, given
    for base in ('early0', 'early1'):
        assert mail(a)[base][1] > 8, mail(a)


@check
def a_state_from_last_week_at_a_standby_is_no_different(sites):
    a, b = mailed(sites)
    kept = keep_state(sites, b)
    a.save('new')
    a.flag('m1', 'FS')
    a.expunge('m0')
    around(a, b)
    put_back(b, kept)
    a.flag('m1', 'F')
    a.expunge('m2')
    around(a, b)
    assert mail(a) == mail(b), (mail(a), mail(b))
    assert not births(b), births(b)
    b.run('status')


def flags(site, name=''):
    """UIDs apart: mail of its own takes some."""
    return {base: letters for base, (letters, _) in mail(site, name).items()}


@check
def what_was_placed_at_a_standby_since_last_week_is_nobody_s_change(sites):
    a, b = mailed(sites, count=8)
    a.folder('.Lists', 3000, 'c')
    b.save('own')                       # of a user there
    around(a, b)
    kept = keep_state(sites, b)
    # A week passes, of which the standby's mail knows,
    a.flag('m0', 'FR')
    move(a, 'm1', '', '.Work')
    move(a, 'm2', '', '.Work')
    for base in ('m3', 'm4'):
        link(a, base, '', '.Work')
    a.save('n0')
    os.rename(os.path.join(a.mail, '.Lists'), os.path.join(a.mail, '.Listen'))
    around(a, b)
    # an hour, of which it does not,
    a.flag('m0', '')
    move(a, 'm1', '.Work', '')
    move(a, 'm2', '.Work', '.Listen')
    a.expunge('m3', '.Work')
    move(a, 'm4', '.Work', '.Listen')
    move(a, 'n0', '', '.Work')
    os.rename(os.path.join(a.mail, '.Listen'), os.path.join(a.mail, '.Letters'))
    put_back(b, kept)
    b.flag('own', 'F')
    around(a, b, rounds=4)
    assert flags(b).pop('own') == 'F'
    for name in ('', '.Work', '.Letters'):
        there = flags(b, name)
        there.pop('own', None)
        assert there == flags(a, name), (name, there, flags(a, name))
    assert not os.path.exists(os.path.join(b.mail, '.Listen'))
    logged = b.log()
    assert logged.count(' flags ') == 1, logged     # of its own mail
    for kind in (' move ', ' copy ', ' expunge ', ' rename '):
        assert kind not in logged, logged
    for site in (a, b):
        site.run('status')


@check
def the_mail_from_a_backup_stops_the_account(sites):
    a, b = mailed(sites)
    backup = os.path.join(sites.top, 'backup')
    shutil.copytree(a.mail, backup)
    a.folder('.Later', 3000, 'c')
    a.save('l0', '.Later')
    a.save('new')
    around(a, b)
    assert 'new' in mail(b)
    shutil.rmtree(a.mail)
    shutil.copytree(backup, a.mail)
    a.run('sync', code=3)
    b.run('sync')
    # Nothing of it was taken for a user's doing.
    assert 'new' in mail(b) and mail(b, '.Later')
    assert 'needs an operator' in a.run('status', code=3)


@check
def a_copied_site_begins_another_incarnation_before_it_logs(sites):
    a, b = mailed(sites)
    for part in ('state', 'mail'):
        shutil.copytree(a.path(part), os.path.join(sites.top, 'copy.' + part))
    twin = plainsites.Site.__new__(plainsites.Site)
    twin.__dict__.update(a.__dict__)
    twin.name = 'copy'
    twin.config, twin.mail = twin.path('conf'), twin.path('mail')
    twin.state = twin.path('state')
    twin.accounts = 'account "alice" { maildir = "%s" }' % twin.mail
    twin.write_config()
    twin.save('of the copy')
    twin.run('write')
    assert 'a new incarnation begins' in twin.said, twin.said
    assert '"of the copy"' not in twin.log()
    a.save('of a')
    a.run('write')
    assert 'incarnation' not in a.said, a.said


@check
def mail_that_is_missing_under_another_uidvalidity_is_no_expunge(sites):
    a, b = mailed(sites)
    a.expunge('m0')
    lines = a.uidlist('')
    lines[0] = lines[0].replace(' V1000 ', ' V999 ')
    a.uidlist('', *lines)
    a.run('sync', code=3)
    b.run('sync')
    assert 'm0' in mail(b)
    assert 'needs an operator' in a.run('status', code=3)


@check
def what_was_restored_on_purpose_stays_and_what_is_missing_comes_back(sites):
    a, b = mailed(sites)
    backup = os.path.join(sites.top, 'backup')
    shutil.copytree(a.mail, backup)
    a.expunge('m0')
    a.save('new')
    around(a, b)
    assert 'm0' not in mail(b) and 'new' in mail(b)
    shutil.rmtree(a.mail)
    shutil.copytree(backup, a.mail)
    a.run('sync', code=3)
    a.run('folder', 'restored', 'alice', 'Nowhere', code=2)
    a.run('folder', 'restored', 'alice', 'INBOX')
    around(a, b)
    # m0 is there again, for everybody; the later mail was fetched.
    assert sorted(mail(a)) == sorted(mail(b)), (mail(a), mail(b))
    assert 'm0' in mail(b) and 'new' in mail(a)
    a.run('status')
    b.run('status')
    # The word was for once.
    a.expunge('m1')
    around(a, b)
    assert 'm1' not in mail(a) and 'm1' not in mail(b)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
