#!/usr/bin/env python3
"""What `packetboat status` says of links: their calls and how they ended, what
went each way, what lies on which medium, and how long the rest will take."""

import json
import os
import sys
import time

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def peer_of(site):
    return json.loads(site.run('status', '--json'))['peers'][0]


def calls_of(site):
    return peer_of(site)['links'][0]['calls']


def pair(sites):
    """a, with mail, calls b, which answers on standard input."""
    a, b = sites.site('a'), sites.site('b')
    a.peer(b, 'stdio:exec %s -q -c %s ship --stdio' % (
        os.path.join(plainsites.BIN, 'packetboat'), b.config))
    b.more += 'peer "a" { key = "%s" }\n' % a.key
    b.write_config()
    a.folder()
    a.save('one', body='x' * 20000)
    a.run('write')
    return a, b


@check
def both_ends_of_a_call_tell_of_it_alike(sites):
    a, b = pair(sites)
    assert 'last' not in calls_of(a)
    a.run('ship')
    link, answered = calls_of(a), peer_of(b)['answered']
    for o in link, answered:
        assert o['count'] == 1 and o['failed'] == 0, o
        assert o['last']['outcome'] == 'done', o
    for here, there in ('sent', 'received'), ('received', 'sent'):
        count = link[here + '_bytes']
        assert count == link['last'][here + '_bytes'] > 40, link
        assert count == answered[there + '_bytes'], (link, answered)
        assert link[here + '_ms'] >= link['last']['began_ms'], link
    said = a.run('status')
    assert 'last call: done' in said and '1 call' in said, said
    assert 'calls from there' in b.run('status')


@check
def a_call_in_vain_keeps_what_was_before_and_says_why(sites):
    a, b = pair(sites)
    a.run('ship')
    before = calls_of(a)
    os.rename(b.config, b.config + '.away')
    a.run('ship', code=4)
    os.rename(b.config + '.away', b.config)
    link = calls_of(a)
    assert link['last']['outcome'] == 'later', link
    assert 'broke off' in link['last']['why'], link
    assert link['count'] == 2 and link['failed'] == 1, link
    assert link['done_ms'] == before['done_ms'], (before, link)
    assert link['received_bytes'] == before['received_bytes'], link
    assert 'later (' in a.run('status')


@check
def a_link_that_is_no_more_is_forgotten(sites):
    a, b = pair(sites)
    a.run('ship')
    calls = os.path.join(a.state, 'calls')
    assert len(os.listdir(calls)) == 2, os.listdir(calls)
    a.more = ''
    a.peer(b, 'stdio:exit 1')
    a.run('ship', code=4)
    assert len(os.listdir(calls)) == 2, os.listdir(calls)
    assert calls_of(a)['count'] == 1


@check
def what_lies_on_a_medium_is_told_until_it_is_acknowledged(sites):
    a, b = sites.two()
    a.folder()
    a.save('one')
    b.folder(uidvalidity=2000, guid='b')
    a.run('write')
    a.run('ship')
    [link] = peer_of(a)['links']
    [there] = link['under_way']
    assert (there['bundles'], there['bodies']) == (1, 1), there
    assert there['changes'] > 1, there
    assert 'under way on medium ' + there['medium'] in a.run('status')
    assert calls_of(a)['sent_bytes'] > 100, link
    a.save('two')
    a.run('write')
    a.run('ship')
    [more] = peer_of(a)['links'][0]['under_way']
    assert more['bundles'] == 2, more
    assert more['changes'] > there['changes'], (there, more)
    for _ in range(2):
        b.run('sync')
        a.run('sync')
    assert 'under_way' not in peer_of(a)['links'][0], peer_of(a)


def measured(a, speed):
    """As if its one link had been so fast."""
    [name] = [name for name in os.listdir(os.path.join(a.state, 'calls'))
              if name != 'lock']
    path = os.path.join(a.state, 'calls', name)
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        for line in text.splitlines(keepends=True):
            file.write('speed %d\n' % speed if line.startswith('speed ')
                       else line)


@check
def how_long_the_rest_takes_is_told_at_the_speed_that_was_measured(sites):
    a, b = pair(sites)
    a.run('ship')
    assert 'clears_s' not in peer_of(a)['links'][0]
    measured(a, 100)
    a.save('two', body='y' * 100000)
    a.run('write')
    link = peer_of(a)['links'][0]
    assert calls_of(a)['speed'] == 100 and 1000 <= link['clears_s'] < 2400, link
    assert 'all that waits takes about' in a.run('status')


@check
def bodies_that_are_to_come_take_their_time(sites):
    """The changes were there long before."""
    a, b = pair(sites)
    a.more = a.more.replace('via =', 'hold = "50K" via =')
    a.write_config()
    a.save('two', body='y' * 100000)
    a.run('write')
    for _ in range(2):
        a.run('ship')
        b.run('apply')
        a.run('apply')
    measured(a, 100)
    [peer] = json.loads(a.run('status', '--json'))['peers']
    [account], [link] = peer['accounts'], peer['links']
    assert account['lag_changes'] == 0, account
    assert account['bodies_wanted_there_bytes'] == 100000, account
    # Its flags and its name are there, and it stands nowhere yet.
    assert account['not_applied_there'] > 0, account
    a.wait(lambda: peer_of(a)['accounts'][0]['not_applied_there_s'] > 0, 20,
           'it is getting old')
    said = a.run('status')
    assert '; has not placed %d of it since ' % account['not_applied_there'] \
        in said, said
    # What does not go takes none.
    assert link['bodies_waiting_bytes'] == 0 and 'clears_s' not in link, link
    [held] = json.loads(a.run('held', '--json'))
    a.run('held', 'release', 'b', held['id'])
    [link] = peer_of(a)['links']
    assert link['bodies_waiting_bytes'] == 100000, link
    assert 1000 <= link['clears_s'] < 1100, link
    assert '; waits for 1 body (97.7 KiB)' in a.run('status')



def has_figures(site, path):
    with open(site.config) as file:
        text = file.read()
    with open(site.config, 'w') as file:
        file.write(text.replace('{ state', '{ metrics = "%s" state' % path))


@check
def figures_for_prometheus_are_replaced_by_status_and_sync(sites):
    a, _ = sites.two()
    a.folder()
    a.save('one')
    path = os.path.join(sites.top, 'packetboat.prom')
    has_figures(a, path)
    a.run('write')
    assert not os.path.exists(path)
    a.run('status')
    with open(path) as file:
        before = file.read()
    assert 'packetboat_link_calls_total{peer="b",link=""} 0\n' in before, before
    inode = os.stat(path).st_ino
    a.run('sync')
    with open(path) as file:
        after = file.read()
    assert 'packetboat_link_calls_total{peer="b",link=""} 2\n' in after, after
    assert os.stat(path).st_ino != inode, 'not replaced whole'
    assert os.listdir(sites.top).count('packetboat.prom.tmp') == 0
    os.unlink(path)
    os.mkdir(path)
    assert 'metrics: ' in a.run('status', code=3)
    a.run('sync', code=3)
    a.says('metrics: ')


@check
def a_daemon_writes_figures_where_anything_is_new_and_else_rests(sites):
    a, b = sites.two()
    a.folder()
    path = os.path.join(sites.top, 'packetboat.prom')
    has_figures(a, path)

    def says(*lines):
        def said():
            if not os.path.exists(path):
                return False
            with open(path) as file:
                text = file.read()
            return all(line + '\n' in text for line in lines)
        return said
    a.follow('write', 'ship', 'apply')
    a.wait(says('packetboat_messages 0'), 60, 'nothing is written')
    a.save('one')
    a.wait(says('packetboat_messages 1',
                'packetboat_peer_received_unapplied{peer="b"} 0'), 60,
           'of new mail')
    lag = 'packetboat_peer_lag_changes{peer="b"} 0'
    assert not says(lag)()

    def answered():
        b.run('sync')
        return says(lag, 'packetboat_peer_lag_since_timestamp_seconds'
                    '{peer="b"} 0')()
    a.wait(answered, 60, 'of an acknowledgement')
    a.wait(lambda: time.time() > os.stat(path).st_mtime + 25, 120,
           'it is written while nothing happens')
    a.stop()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
