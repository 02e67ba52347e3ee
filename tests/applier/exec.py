#!/usr/bin/env python3
"""Sites between which any program moves files: here one that has a queue, may
be down, and loses what it is told to lose."""

import json
import os
import subprocess
import sys
import time

import plainsites

CHECKS = []

# SITE'S-DIRECTORY OTHER'S-DIRECTORY send|collect PATH
MOVER = '''#!/bin/sh -e
top=${0%/*}
echo "$3" >>"$top/calls"
if [ -e "$top/down" ]; then
	echo "the modem does not answer" >&2
	exit 75
fi
if [ -e "$top/broken" ]; then
	echo "who is that?" >&2
	exit 1
fi
case $3 in
send)
	[ -e "$top/lose" ] || cp "$4" "$top/$2/from-$1-${4##*/}" ;;
collect)
	for file in "$top/$1"/*; do
		[ ! -e "$file" ] || mv "$file" "$4/"
	done ;;
esac
'''


def check(function):
    CHECKS.append(function)
    return function


class Mover:
    def __init__(self, sites, *names):
        self.top = os.path.join(sites.top, 'mover dir')
        os.mkdir(self.top)
        for name in names:
            os.mkdir(os.path.join(self.top, name))
        self.path = os.path.join(self.top, 'move')
        with open(self.path, 'w') as file:
            file.write(MOVER)
        os.chmod(self.path, 0o755)

    def via(self, here, there):
        return "exec:'%s' %s %s" % (self.path, here, there)

    def set(self, what, on):
        path = os.path.join(self.top, what)
        if on:
            open(path, 'w').close()
        else:
            os.unlink(path)

    def lying(self, name):
        return os.listdir(os.path.join(self.top, name))

    def calls(self):
        return plainsites.taken(os.path.join(self.top, 'calls'))


def two(sites):
    mover = Mover(sites, 'a', 'b')
    a, b = sites.site('a'), sites.site('b')
    a.peer(b, mover.via('a', 'b'))
    b.peer(a, mover.via('b', 'a'))
    a.folder()
    a.save('one')
    return mover, a, b


@check
def mail_and_changes_go_both_ways(sites):
    mover, a, b = two(sites)
    a.run('sync')
    assert mover.calls() == ['collect', 'send']
    b.run('sync')
    assert mover.calls() == ['collect', 'send']
    assert b.files() == ['one:2,'], b.files()
    a.flag('one', 'S')
    a.save('two')
    a.run('sync')
    b.run('sync')
    assert sorted(b.files()) == ['one:2,S', 'two:2,'], b.files()
    a.run('sync')
    b.run('sync')
    mover.calls()
    for site in (a, b):
        site.run('sync')
        assert mover.calls() == ['collect'], 'it chatters'
        site.run('check')
        site.run('status')
    assert mover.calls() == [], 'looking calls the program'


@check
def what_is_under_way_is_not_sent_again_until_it_counts_as_lost(sites):
    mover, a, b = two(sites)
    a.more = a.more.replace('via =', 'again = "3s" via =')
    a.write_config()
    mover.set('lose', True)
    a.run('sync')
    a.run('sync')
    assert mover.calls().count('send') == 1
    mover.set('lose', False)
    a.run('sync')
    assert mover.calls().count('send') == 0
    time.sleep(3.2)
    a.run('sync')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_program_that_cannot_now_is_tried_again(sites):
    mover, a, b = two(sites)
    mover.set('down', True)
    a.run('sync', code=4)
    a.says('peer b', 'the modem does not answer')
    mover.set('down', False)
    a.run('sync')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()
    a.save('two')
    a.run('write')
    a.run('ship', '--collect')
    mover.set('down', True)
    a.run('ship', '--hand-over', code=4)
    a.says('packed', 'what did not get there waits')
    mover.set('down', False)
    mover.calls()
    a.run('sync')
    assert mover.calls().count('send') == 1, 'what waited goes, and once'
    b.run('sync')
    assert sorted(b.files()) == ['one:2,', 'two:2,'], b.files()


@check
def a_program_that_fails_is_named(sites):
    mover, a, b = two(sites)
    mover.set('broken', True)
    a.run('sync', code=1)
    a.says('peer b', 'collect ended with 1: who is that?')
    a.more = a.more.replace('exec:', 'exec:/no/such/program ')
    a.write_config()
    a.run('sync', code=1)
    a.says('/no/such/program', 'ended with 127', 'not found')


@check
def what_is_no_bundle_or_not_ours_is_told_and_kept(sites):
    mover, a, b = two(sites)
    c = sites.site('c')
    c.folder('', 3000, 'c')
    c.save('evil')
    os.mkdir(os.path.join(mover.top, 'c'))
    c.peer(b, mover.via('c', 'b'))
    c.run('sync')
    with open(os.path.join(mover.top, 'b', 'photo.jpg'), 'w') as file:
        file.write('x')
    a.run('sync')
    [cut] = [name for name in mover.lying('b') if name.startswith('from-a')]
    path = os.path.join(mover.top, 'b', cut)
    os.truncate(path, os.path.getsize(path) // 2)
    b.run('sync', code=None)
    b.says('files that are none', 'sealed by an unknown key')
    assert not os.path.exists(b.mail) or not b.files()
    b.run('status', code=None)
    a.more = a.more.replace('via =', 'again = "1ms" via =')
    a.write_config()
    a.run('sync')
    b.run('sync', code=None)
    assert b.files() == ['one:2,'], b.files()
    photos = subprocess.run(['find', b.state, '-name', 'photo.jpg'],
                            stdout=subprocess.PIPE).stdout
    assert photos, 'it is lost'


@check
def what_is_no_file_is_named_and_can_be_taken_away(sites):
    mover, a, b = two(sites)
    a.run('sync')
    name = '%016x-%016x.pb' % (1, 2)
    os.mkdir(os.path.join(mover.top, 'b', name))
    b.run('ship', code=1)
    b.says('%s: not a file (take it away)' % name)
    [came] = [top for top, names, _ in os.walk(b.state) if name in names]
    os.rmdir(os.path.join(came, name))
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_crash_between_coming_and_being_seen_loses_nothing(sites):
    mover, a, b = two(sites)
    a.run('sync')
    b.run('sync')
    origin = json.loads(b.run('status', '--json'))['origin']
    [link] = os.listdir(os.path.join(b.state, 'links'))
    link = os.path.join(b.state, 'links', link)

    def arrive(path, name=None):
        [there] = mover.lying('b')
        os.rename(os.path.join(mover.top, 'b', there),
                  os.path.join(path, name or there))

    a.save('two')
    a.run('sync')
    arrive(os.path.join(link, 'came'))
    b.run('sync')
    assert sorted(b.files()) == ['one:2,', 'two:2,'], b.files()
    # where it is looked for, but nothing says yet that it is whole: it is
    # sent again
    a.flag('two', 'S')
    a.more = a.more.replace('via =', 'again = "1ms" via =')
    a.write_config()
    a.run('sync')
    [name] = mover.lying('b')
    arrive(os.path.join(link, 'there', 'pb', origin), name[-36:])
    b.run('sync')
    a.run('sync')
    b.run('sync')
    assert 'two:2,S' in b.files(), b.files()


@check
def status_knows_what_is_under_way(sites):
    mover, a, b = two(sites)
    a.run('sync')
    link = json.loads(a.run('status', '--json'))['peers'][0]['links'][0]
    assert link['for_peer'] == 1, link


def call_count(site, name):
    path = site.path(name)
    if not os.path.exists(path):
        return 0
    with open(path) as file:
        return len(file.read().split())


@check
def a_call_is_dialled_and_hung_up_once_in_a_sync(sites):
    mover, a, b = two(sites)
    a.more = a.more.replace('via =', 'before = "echo >>%s x" after = '
                            '"echo >>%s x" via =' % (
                                a.path('dialled'), a.path('hung')))
    a.write_config()
    a.run('sync')
    assert call_count(a, 'dialled') == call_count(a, 'hung') == 1
    assert sorted(mover.calls()) == ['collect', 'send']
    b.run('sync')
    b.save('two')
    a.run('sync')
    b.run('sync')
    mover.set('broken', True)
    a.run('sync', code=1)
    assert call_count(a, 'dialled') == call_count(a, 'hung') == 3, \
        'not hung up after a failure'
    mover.set('broken', False)


@check
def what_one_call_brings_is_applied_in_the_same_sync(sites):
    mover, a, b = two(sites)
    a.run('sync')
    b.more = b.more.replace('via =', 'before = "true" via =')
    b.write_config()
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def no_line_no_visit(sites):
    mover, a, b = two(sites)
    a.more = a.more.replace('via =', 'before = "echo NO CARRIER; exit 1" '
                            'after = "echo >>%s x" via =' % a.path('hung'))
    a.write_config()
    a.run('sync', code=4)
    a.says('peer b', '"before" ended with 1: NO CARRIER')
    assert mover.calls() == [] and call_count(a, 'hung') == 0
    a.more = a.more.replace('exit 1', 'exit 0').replace(
        'echo >>', 'echo stuck; exit 2; echo >>')
    a.write_config()
    a.run('sync', code=1)
    a.says('"after" ended with 2: stuck')
    assert mover.calls() == ['collect', 'send']


@check
def outside_of_its_windows_a_link_is_not_used(sites):
    mover, a, b = two(sites)
    # open for an hour, a day from now
    later = time.gmtime(time.time() + 86400)
    days = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
    a.more = a.more.replace('via =', 'window = { "%s UTC" } via =' %
                            days[later.tm_wday])
    a.write_config()
    a.run('sync', code=4)
    a.says('its next window begins')
    assert mover.calls() == []
    status = json.loads(a.run('status', '--json', code=None))
    opens = status['peers'][0]['links'][0]['opens_ms']
    assert 0 < opens - time.time() * 1000 <= 86400000, opens
    assert 'opens' in a.run('status', code=None)
    a.run('ship', 'b', '')
    assert mover.calls() == ['collect', 'send'], 'the operator knows better'
    a.more = a.more.replace(days[later.tm_wday],
                            days[time.gmtime().tm_wday] + ',' +
                            days[later.tm_wday])
    a.write_config()
    a.run('sync')
    assert mover.calls() == ['collect']


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
