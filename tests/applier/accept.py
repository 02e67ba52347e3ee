#!/usr/bin/env python3
"""What a peer may change here: what it may not is said, and keeps nothing else
from going on."""

import json
import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def accepts(site, peer, *items):
    """Says in a peer's block what it may change; without items, all."""
    head = 'peer "%s" {' % peer
    lines = site.more.splitlines()
    [at] = [i for i, line in enumerate(lines) if line.startswith(head)]
    rule = ' accept = { %s }' % ', '.join('"%s"' % i for i in items)
    lines[at] = '%s%s key = %s' % (head, rule if items else '',
                                   lines[at].split(' key = ')[1])
    site.more = '\n'.join(lines) + '\n'
    site.write_config()


def station_and_office(sites, *items, names=('', '.Work')):
    """A station, where all is written, and an office that keeps a copy."""
    here, there = sites.site('office'), sites.site('station')
    sites.pair(here, there)
    accepts(here, 'station', *items)
    for i, name in enumerate(names):
        there.folder(name, 1000 + i, 'abcdef'[i])
        for base in ('1', '2', '3'):
            there.save(name[1:] + base, name)
    rounds(there, here)
    return here, there


def rounds(*sites, count=2):
    for _ in range(count):
        for site in sites:
            site.run('sync')


def bases(site, name=''):
    return sorted(site.base(f) for f in site.files(name))


def kept(site):
    """{(folder, peer): messages} that stay."""
    [account] = json.loads(site.run('status', '--json'))['accounts']
    return {(k['folder'], k.get('peer')): k['messages']
            for k in account.get('kept', ())}


def at_rest(*sites):
    """Nothing is handed over any more, nothing waits, no operator is called,
    and what the two hold was found to be the same."""
    rounds(*sites)
    before = [s.sql("SELECT count(*), ifnull(sum(lsn), 0) FROM log")
              for s in sites]
    for _ in range(2):
        for site in sites:
            site.run('sync')
            site.silent('handed over', 'differs', 'refused')
    assert before == [s.sql("SELECT count(*), ifnull(sum(lsn), 0) FROM log")
                      for s in sites]
    for site in sites:
        tree = json.loads(site.run('status', '--json'))
        assert not tree.get('operator'), tree
        [account] = tree['accounts']
        assert not account.get('to_place'), account
        assert not account.get('gaps'), account
        assert not int(site.sql('SELECT count(*) FROM comparing'))
        [peer] = tree['peers']
        assert peer['accounts'][0]['lag_changes'] == 0, peer


def agreed(site):
    """Folders of which the peer stated something that agreed, at the vector
    that is known now."""
    return int(site.sql('SELECT count(*) FROM stated WHERE agreed_ms > 0'
                        ' AND agreed_ms >= heard_ms'))


@check
def what_a_station_expunges_stays_at_the_office(sites):
    here, there = station_and_office(sites, 'no expunge')
    there.expunge('1')
    there.flag('2', 'F')
    there.save('4')
    rounds(there, here)
    assert bases(here) == ['1', '2', '3', '4']
    assert here.path_of('2').endswith(':2,F')
    assert kept(here) == {('INBOX', 'station'): 1}
    said = here.run('status')
    assert 'folder INBOX: 1 message that peer station expunged stays here ' \
        '(accept), the last of 20' in said, said
    # The two hold the same all the same, as far as they say.
    at_rest(there, here)
    assert agreed(here) == 2
    uids = here.uids()
    # What is done to it here is the office's own matter.
    here.flag('1', 'S')
    rounds(here, there)
    assert here.path_of('1').endswith(':2,S')
    assert bases(there) == ['2', '3', '4']
    here.run('scan')
    assert here.uids() == uids
    here.expunge('1')
    rounds(here, there)
    assert kept(here) == {}
    at_rest(there, here)


@check
def a_mail_is_filed_and_stays_where_it_was_filed(sites):
    here, there = station_and_office(sites, 'no expunge')
    os.rename(there.path_of('1'), os.path.join(there.mail, '.Work/cur/1:2,'))
    there.line('1', '.Work')
    rounds(there, here)
    assert bases(here) == ['2', '3']
    assert bases(here, '.Work') == ['1', 'Work1', 'Work2', 'Work3']
    there.expunge('1', '.Work')
    rounds(there, here)
    assert bases(here, '.Work') == ['1', 'Work1', 'Work2', 'Work3']
    assert kept(here) == {('Work', 'station'): 1}
    at_rest(there, here)


@check
def a_mail_that_was_moved_and_expunged_meanwhile_stays(sites):
    here, there = station_and_office(sites, 'no expunge')
    os.link(there.path_of('1'), os.path.join(there.mail, '.Work/cur/1:2,'))
    there.line('1', '.Work')
    there.run('write')
    there.expunge('1')
    there.expunge('1', '.Work')
    rounds(there, here)
    assert bases(here) == ['1', '2', '3']
    assert bases(here, '.Work') == ['Work1', 'Work2', 'Work3']
    [(_, stays)] = kept(here).items()
    assert stays == 1 and 'stays here (accept)' in here.run('status')
    at_rest(there, here)


@check
def a_folder_goes_only_without_its_mail(sites):
    here, there = station_and_office(
        sites, 'no expunge', names=('', '.Work', '.Empty'))
    for base in ('1', '2', '3'):
        there.expunge('Empty' + base, '.Empty')
        here.expunge('Empty' + base, '.Empty')
    rounds(there, here)
    for name in ('.Work', '.Empty'):
        for where, _, files in os.walk(
                os.path.join(there.mail, name), topdown=False):
            for file in files:
                os.unlink(os.path.join(where, file))
            os.rmdir(where)
    rounds(there, here)
    assert bases(here, '.Work') == ['Work1', 'Work2', 'Work3']
    assert kept(here) == {('Work', 'station'): 3}
    assert not os.path.exists(os.path.join(here.mail, '.Empty'))
    at_rest(there, here)
    # Another one of that name has it; what is kept has one that is seen.
    there.folder('.Work', 5000, 'f')
    there.save('new', '.Work')
    rounds(there, here)
    assert bases(here, '.Work') == ['new']
    assert bases(here, '.Work-kept') == ['Work1', 'Work2', 'Work3']
    assert kept(here) == {('Work-kept', 'station'): 3}
    at_rest(there, here)


@check
def what_it_may_is_decided_anew_when_the_configuration_says_so(sites):
    here, there = station_and_office(sites)
    there.expunge('1')
    rounds(there, here)
    assert bases(here) == ['2', '3']
    accepts(here, 'station', 'no expunge')
    there.expunge('2')
    rounds(there, here)
    assert bases(here) == ['2', '3']
    accepts(here, 'station')
    rounds(here)
    assert bases(here) == ['3'] and kept(here) == {}
    at_rest(there, here)


@check
def a_mass_that_stays_calls_no_operator(sites):
    here, there = station_and_office(sites, 'no expunge', names=('',))
    for i in range(120):
        there.save('more%d' % i)
    rounds(there, here)
    for file in there.files():
        there.expunge(there.base(file))
    there.run('sync', code=3)
    there.run('guard', 'accept', 'alice', 'INBOX')
    rounds(there, here)
    assert len(bases(here)) == 123 and kept(here) == {('INBOX', 'station'): 123}
    at_rest(there, here)


@check
def a_mail_that_comes_back_is_there_once(sites):
    here, there = station_and_office(sites, 'no expunge', names=('',))
    with open(there.path_of('2')) as file:
        body = file.read()
    there.expunge('2')
    rounds(there, here)
    there.save('2', body=body)
    rounds(there, here)
    assert bases(here) == ['1', '2', '3'] and kept(here) == {}
    at_rest(there, here)
    assert here.uids()[4] == '2', here.uids()


@check
def what_stays_keeps_a_number_of_its_own(sites):
    here, there = station_and_office(sites, 'no expunge', names=('',))
    there.expunge('1')
    there.expunge('2')
    rounds(there, here)
    # The station's server numbers anew.
    there.uidlist('', '3 V2000 N9 G' + 32 * 'a', '8 :3')
    rounds(there, here)
    assert here.uidvalidity() == 2000
    uids = here.uids()
    assert uids[8] == '3' and sorted(uids.values()) == ['1', '2', '3'], uids
    there.save('4')
    rounds(there, here)
    assert bases(here) == ['1', '2', '3', '4']
    assert kept(here) == {('INBOX', 'station'): 2}
    at_rest(there, here)


@check
def what_a_user_here_moves_away_is_the_offices_own(sites):
    here, there = station_and_office(sites, 'no expunge', names=('',))
    there.expunge('1')
    there.expunge('2')
    rounds(there, here)
    here.folder('.Own', 3000, 'e')
    os.rename(here.path_of('1'), os.path.join(here.mail, '.Own/cur/1:2,'))
    here.line('1', '.Own')
    rounds(here, there)
    assert bases(here) == ['2', '3'] and bases(here, '.Own') == ['1']
    assert kept(here) == {('INBOX', 'station'): 1}
    assert bases(there, '.Own') == ['1']      # it has a home here now
    there.expunge('1', '.Own')
    rounds(there, here)
    assert bases(here, '.Own') == ['1']


@check
def a_state_that_was_lost_takes_no_mail_away(sites):
    here, there = station_and_office(sites, 'no expunge', names=('',))
    there.expunge('1')
    rounds(there, here)
    os.unlink(os.path.join(here.state, 'accounts/alice/state.db'))
    for _ in range(4):
        here.run('sync', code=None)
        there.run('sync', code=None)
    assert bases(here) == ['1', '2', '3'], bases(here)
    assert bases(there) == ['2', '3']


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
