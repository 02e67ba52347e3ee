#!/usr/bin/env python3
"""In which folders a peer may change anything here: of others all is merged, and
nothing placed."""

import json
import os
import shutil
import sys

import plainsites
from accept import accepts, agreed, at_rest, bases, kept, rounds, \
    station_and_office

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def lies(site, name):
    """The mail of a folder; None: it does not lie here."""
    if not os.path.exists(os.path.join(site.mail, name, 'cur')):
        return None
    return bases(site, name)


def move(site, base, source, target):
    """As Dovecot does: a link, and an unlink."""
    old = site.path_of(base, source)
    os.link(old, os.path.join(site.mail, target, 'cur', os.path.basename(old)))
    site.line(base, target)
    os.unlink(old)


def numbers(site, name):
    """What has two in the list, as it came back, has the second."""
    return {base: uid for uid, base in sorted(site.uids(name).items())}


def rename(site, old, new):
    os.rename(os.path.join(site.mail, old), os.path.join(site.mail, new))


def not_accepted(site):
    """{folder: messages that lie nowhere here}."""
    [account] = json.loads(site.run('status', '--json'))['accounts']
    return {f['folder']: f.get('messages', 0)
            for f in account.get('not_accepted', ())}


def awaited(site):
    [account] = json.loads(site.run('status', '--json'))['accounts']
    return account.get('awaited', 0)


@check
def only_what_is_accepted_is_placed(sites):
    here, there = station_and_office(sites, 'INBOX', 'Ship/*', '!Ship/Own',
                                     names=('', '.Ship.A', '.Ship.Own',
                                            '.Work'))
    assert bases(here) == ['1', '2', '3']
    assert lies(here, '.Ship.A') == ['Ship.A1', 'Ship.A2', 'Ship.A3']
    assert lies(here, '.Ship.Own') is None and lies(here, '.Work') is None
    assert not_accepted(here) == {'Ship/Own': 3, 'Work': 3}
    said = here.run('status')
    assert 'of peer station not accepted (accept): 2 folders, 6 messages: ' \
        'Ship/Own, Work\n' in said, said
    assert not awaited(here)
    at_rest(there, here)
    assert agreed(here) == 4
    # What becomes of it there is known, and nothing of it is done.
    there.flag('Work1', 'S', '.Work')
    there.expunge('Work2', '.Work')
    rounds(there, here)
    assert lies(here, '.Work') is None and kept(here) == {}
    assert not_accepted(here) == {'Ship/Own': 3, 'Work': 2}
    at_rest(there, here)
    here.run('scan')
    here.run('check')


@check
def nothing_is_placed_of_a_peer_that_may_change_nothing(sites):
    here, there = station_and_office(sites, 'none')
    assert bases(here) == [] and lies(here, '.Work') is None
    assert not awaited(here)
    at_rest(there, here)
    # All that was refused is decided anew.
    accepts(here, 'station')
    rounds(here, there, count=4)
    assert bases(here) == ['1', '2', '3']
    assert lies(here, '.Work') == ['Work1', 'Work2', 'Work3']
    assert here.uids() == there.uids()
    at_rest(there, here)
    assert agreed(here) == 2
    # And once more; what lies here stays as it is.
    accepts(here, 'station', 'none')
    there.flag('1', 'F')
    there.expunge('2')
    there.save('4')
    there.save('Work4', '.Work')
    rename(there, '.Work', '.Done')
    rounds(there, here)
    assert bases(here) == ['1', '2', '3']
    assert here.path_of('1').endswith(':2,')
    assert lies(here, '.Work') == ['Work1', 'Work2', 'Work3']
    assert lies(here, '.Done') is None
    at_rest(there, here)
    here.run('apply')
    here.silent('placed', 'changed')
    accepts(here, 'station')
    rounds(here, there, count=4)
    assert bases(here) == ['1', '3', '4']
    assert here.path_of('1').endswith(':2,F')
    assert lies(here, '.Work') is None
    assert lies(here, '.Done') == ['Work1', 'Work2', 'Work3', 'Work4']
    assert here.uids() == there.uids()
    at_rest(there, here)


@check
def a_name_decides_wherever_a_folder_goes(sites):
    here, there = station_and_office(sites, 'Ship/*',
                                     names=('.Private', '.Ship.A'))
    assert lies(here, '.Private') is None
    rename(there, '.Private', '.Ship.P')
    rounds(there, here, count=4)
    assert lies(here, '.Ship.P') == ['Private1', 'Private2', 'Private3']
    at_rest(there, here)
    rename(there, '.Ship.P', '.Private')
    there.expunge('Private1', '.Private')
    rounds(there, here, count=4)
    assert lies(here, '.Private') is None
    assert lies(here, '.Ship.P') == ['Private1', 'Private2', 'Private3']
    assert kept(here) == {('Ship/P', 'station'): 1}
    at_rest(there, here)
    # Its name is wanted: it keeps one that is seen.
    there.folder('.Ship.P', 5000, 'e')
    there.save('new', '.Ship.P')
    rounds(there, here, count=4)
    assert lies(here, '.Ship.P') == ['new']
    assert lies(here, '.Ship.P-kept') == ['Private1', 'Private2', 'Private3']
    at_rest(there, here)
    rename(there, '.Private', '.Ship.Q')
    rounds(there, here, count=4)
    assert lies(here, '.Ship.P-kept') is None
    assert lies(here, '.Ship.Q') == ['Private2', 'Private3']
    assert kept(here) == {}, kept(here)
    at_rest(there, here)


@check
def mail_leaves_with_who_moves_it_and_comes_back(sites):
    here, there = station_and_office(sites, 'Ship/*',
                                     names=('.Private', '.Ship.A'))
    move(there, 'Ship.A1', '.Ship.A', '.Private')
    rounds(there, here)
    assert lies(here, '.Ship.A') == ['Ship.A2', 'Ship.A3']
    assert not_accepted(here) == {'Private': 4} and not awaited(here)
    at_rest(there, here)
    move(there, 'Ship.A1', '.Private', '.Ship.A')
    rounds(there, here, count=4)
    assert lies(here, '.Ship.A') == ['Ship.A1', 'Ship.A2', 'Ship.A3']
    assert numbers(here, '.Ship.A') == numbers(there, '.Ship.A'), (numbers(here, ".Ship.A"), numbers(there, ".Ship.A"), here.said)
    at_rest(there, here)
    # From a folder that is not accepted any more nothing is taken.
    accepts(here, 'station', 'Private')
    rounds(here, there, count=4)
    assert lies(here, '.Private') == ['Private1', 'Private2', 'Private3']
    move(there, 'Ship.A2', '.Ship.A', '.Private')
    rounds(there, here, count=4)
    assert lies(here, '.Private')[-1] == 'Ship.A2'
    assert lies(here, '.Ship.A') == ['Ship.A1', 'Ship.A2', 'Ship.A3']
    at_rest(there, here)
    move(there, 'Ship.A2', '.Private', '.Ship.A')
    rounds(there, here, count=4)
    assert lies(here, '.Private') == ['Private1', 'Private2', 'Private3']
    accepts(here, 'station')
    rounds(here, there, count=4)
    assert lies(here, '.Ship.A') == ['Ship.A1', 'Ship.A2', 'Ship.A3']
    assert numbers(here, '.Ship.A') == numbers(there, '.Ship.A'), (numbers(here, ".Ship.A"), numbers(there, ".Ship.A"), here.said)
    assert kept(here) == {}, kept(here)
    at_rest(there, here)


@check
def what_may_not_be_expunged_is_not_moved_away(sites):
    here, there = station_and_office(sites, 'Ship/*', 'no expunge',
                                     names=('.Private', '.Ship.A'))
    move(there, 'Ship.A1', '.Ship.A', '.Private')
    rounds(there, here)
    assert lies(here, '.Ship.A') == ['Ship.A1', 'Ship.A2', 'Ship.A3']
    assert kept(here) == {('Ship/A', 'station'): 1}
    at_rest(there, here)
    move(there, 'Ship.A1', '.Private', '.Ship.A')
    rounds(there, here)
    assert lies(here, '.Ship.A') == ['Ship.A1', 'Ship.A2', 'Ship.A3']
    assert kept(here) == {}, kept(here)
    at_rest(there, here)


@check
def a_mass_that_is_moved_away_waits(sites):
    here, there = station_and_office(sites, 'INBOX', '!Old',
                                     names=('', '.Old'))
    for i in range(110):
        there.save('more%d' % i)
    rounds(there, here)
    for file in there.files():
        move(there, there.base(file), '', '.Old')
    rounds(there)
    here.run('sync', code=3)
    here.says('113 expunges by peers wait')
    assert len(bases(here)) == 113
    here.run('guard', 'accept', 'alice', 'INBOX')
    rounds(here, there)
    assert bases(here) == []
    at_rest(there, here)


@check
def a_name_that_is_not_accepted_is_free(sites):
    here, there = station_and_office(sites, 'Ship/*',
                                     names=('.Private', '.Ship.A'))
    accepts(there, 'office', '!Private')
    here.folder('.Private', 7000, 'd')
    here.save('own', '.Private')
    rounds(here, there, count=3)
    assert lies(here, '.Private') == ['own']
    assert lies(there, '.Private') == ['Private1', 'Private2', 'Private3']
    at_rest(there, here)
    there.save('Private4', '.Private')
    here.flag('own', 'S', '.Private')
    rounds(here, there, count=3)
    assert lies(here, '.Private') == ['own']
    at_rest(there, here)
    # Accepted at both, they are two folders of one name, and one.
    accepts(there, 'office')
    accepts(here, 'station')
    rounds(here, there, count=6)
    assert lies(here, '.Private') == ['Private1', 'Private2', 'Private3',
                                      'Private4', 'own']
    assert lies(there, '.Private') == lies(here, '.Private')


@check
def each_may_have_its_inbox(sites):
    here, there = sites.site('office'), sites.site('station')
    sites.pair(here, there)
    accepts(here, 'station', 'Ship/*')
    accepts(there, 'office', '!INBOX')
    here.folder('', 2000, 'a')
    there.folder('', 1000, 'b')
    there.folder('.Ship.A', 1500, 'c')
    here.save('mine')
    there.save('yours')
    there.save('A1', '.Ship.A')
    rounds(here, there, count=4)
    assert bases(here) == ['mine'] and bases(there) == ['yours']
    assert lies(here, '.Ship.A') == ['A1']
    assert here.uidvalidity() == 2000 and there.uidvalidity() == 1000
    at_rest(there, here)
    here.save('mine2')
    there.save('yours2')
    there.flag('yours', 'S')
    rounds(here, there, count=4)
    assert bases(here) == ['mine', 'mine2']
    assert bases(there) == ['yours', 'yours2']
    at_rest(there, here)
    # One INBOX again, when both may change it.
    accepts(here, 'station')
    accepts(there, 'office')
    rounds(here, there, count=8)
    assert bases(here) == ['mine', 'mine2', 'yours', 'yours2'], bases(here)
    assert bases(there) == bases(here)
    at_rest(here, there)


@check
def a_child_needs_no_parent(sites):
    here, there = station_and_office(
        sites, '*/Open', names=('.Box', '.Box.Open', '.Box.Shut'))
    assert lies(here, '.Box') is None and lies(here, '.Box.Shut') is None
    assert lies(here, '.Box.Open') == ['Box.Open1', 'Box.Open2', 'Box.Open3']
    for name in ('.Box', '.Box.Open', '.Box.Shut'):
        rename(there, name, name.replace('.Box', '.Case'))
    rounds(there, here, count=3)
    assert lies(here, '.Case') is None and lies(here, '.Box.Open') is None
    assert lies(here, '.Case.Open') == ['Box.Open1', 'Box.Open2', 'Box.Open3']
    at_rest(there, here)
    shutil.rmtree(os.path.join(there.mail, '.Case.Open'))
    rounds(there, here, count=3)
    assert lies(here, '.Case.Open') is None
    at_rest(there, here)


@check
def names_that_are_subscribed_count_as_folders_do(sites):
    here, there = station_and_office(sites, 'Ship/*', names=('.Ship.A',))
    with open(os.path.join(there.mail, 'subscriptions'), 'w') as file:
        file.write('V\t2\n\nShip\tA\nShip\tsoon\nPrivate\n')
    rounds(there, here)
    with open(os.path.join(here.mail, 'subscriptions')) as file:
        said = file.read()
    assert 'Ship\tA' in said and 'Ship\tsoon' in said, said
    assert 'Private' not in said, said
    at_rest(there, here)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
