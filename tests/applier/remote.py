#!/usr/bin/env python3
"""Sites whose carrier lies on another machine: the real rsync between them, on
a remote shell of the test's own that counts calls and bytes, and drops the line
where it is told to."""

import json
import os
import random
import shutil
import sys
import time

import plainsites

CHECKS = []

# A remote shell: host, then what to run there. `cut` has the bytes to the other
# side after which the line drops; `calls` and `bytes` keep count.
SHELL = '''#!/usr/bin/env python3
import os, subprocess, sys, threading
top = os.path.dirname(os.path.abspath(__file__))
with open(top + '/calls', 'a') as file:
    file.write(' '.join(sys.argv[1:]) + '\\n')
if sys.argv[1] == 'nowhere':
    sys.exit('ssh: connect to host nowhere port 22: No route to host')
cut = None
if os.path.exists(top + '/cut'):
    with open(top + '/cut') as file:
        cut = int(file.read())
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)
passed = 0

def carry():
    global passed
    try:
        while cut is None or passed < cut:
            data = os.read(0, 65536 if cut is None
                           else min(65536, cut - passed))
            if not data:
                break
            passed += len(data)
            server.stdin.write(data)
            server.stdin.flush()
        server.stdin.close()
    except BrokenPipeError:
        pass

threading.Thread(target=carry, daemon=True).start()
code = server.wait()
with open(top + '/bytes', 'a') as file:
    file.write('%d\\n' % passed)
os._exit(255 if cut is not None else code)
'''


def check(function):
    CHECKS.append(function)
    return function


class Line:
    """The way to `host`, and the directory there."""

    def __init__(self, sites):
        self.top = os.path.join(sites.top, 'line')
        self.place = os.path.join(sites.top, 'place')
        os.mkdir(self.top)
        os.mkdir(self.place)
        self.via = 'rsync:host:' + self.place
        with open(os.path.join(self.top, 'rsh'), 'w') as file:
            file.write(SHELL)
        os.chmod(file.name, 0o755)
        os.environ['RSYNC_RSH'] = file.name

    def calls(self):
        """Since it was asked for last."""
        return len(plainsites.taken(os.path.join(self.top, 'calls')))

    def passed(self):
        return sum(map(int, plainsites.taken(
            os.path.join(self.top, 'bytes'))))

    def cut(self, after):
        """None: the line is whole again."""
        path = os.path.join(self.top, 'cut')
        if after is None:
            os.unlink(path)
            return
        with open(path, 'w') as file:
            file.write('%d' % after)

    def bundles(self):
        return sorted(name for _, _, names in os.walk(self.place)
                      for name in names if name.endswith('.pb'))


def two(sites):
    line = Line(sites)
    a, b = sites.site('a'), sites.site('b')
    for site, other in ((a, b), (b, a)):
        site.peer(other, line.via)
    a.run('media', 'init', line.via)
    a.folder()
    a.save('one')
    return line, a, b


@check
def mail_and_changes_go_both_ways(sites):
    line, a, b = two(sites)
    a.run('sync')
    a.says('handed over')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()
    a.flag('one', 'S')
    a.save('two')
    a.run('sync')
    b.run('sync')
    assert sorted(b.files()) == ['one:2,S', 'two:2,'], b.files()
    a.run('sync')
    assert line.bundles() == [], line.bundles()
    assert 'two' in b.uids().values()
    for site in (a, b):
        status = json.loads(site.run('status', '--json'))
        assert status['peers'][0]['links'][0]['there'] is True, status
        site.run('check')


@check
def a_visit_that_finds_nothing_is_one_call_and_any_other_two(sites):
    line, a, b = two(sites)
    line.calls()
    a.run('sync')
    assert line.calls() == 2
    b.run('sync')
    assert line.calls() == 2
    a.run('sync')
    assert line.calls() == 2, 'the acknowledgement is removed there'
    for site in (a, b):
        site.run('sync')
        assert line.calls() == 1
    a.run('status')
    a.run('check')
    assert line.calls() == 0, 'looking costs a call'


@check
def what_lies_there_is_not_sent_again(sites):
    line, a, b = two(sites)
    a.save('big', body='X: y\n\n' + random.Random(1).randbytes(
        200000).hex() + '\n')
    a.run('sync')
    line.passed()
    a.run('sync')
    a.run('sync')
    assert line.passed() < 2000
    a.flag('one', 'F')
    a.run('sync')
    assert line.passed() < 4000
    assert len(line.bundles()) == 2, line.bundles()
    b.run('sync')
    assert sorted(b.files()) == ['big:2,', 'one:2,F'], b.files()


@check
def one_end_has_the_directory_itself(sites):
    line = Line(sites)
    a, b = sites.site('a'), sites.site('b')
    a.peer(b, line.via)
    b.peer(a, 'dir:' + line.place)
    b.run('media', 'init', line.place)
    a.folder()
    a.save('one')
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    assert b.files() == ['one:2,'], b.files()
    b.flag('one', 'R')
    a.run('sync')
    assert line.bundles() == [], line.bundles()


@check
def a_target_that_is_not_there_harms_nothing(sites):
    line, a, b = two(sites)
    a.more = a.more.replace('rsync:host:', 'rsync:nowhere:')
    a.write_config()
    a.run('sync', code=4)
    a.says('peer b: nowhere:', 'No route to host')
    assert a.said.count('No route') == 1, a.said
    a.more = a.more.replace('rsync:nowhere:', 'rsync:host:')
    a.write_config()
    a.run('sync')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()


@check
def a_target_without_marker_is_absent_and_can_be_given_one(sites):
    line = Line(sites)
    a, b = sites.site('a'), sites.site('b')
    a.peer(b, line.via)
    a.folder()
    a.save('one')
    a.run('sync', code=4)
    a.says('no packetboat.id there', 'packetboat media init ' + line.via)
    a.run('media', 'init', line.via)
    a.says('is a carrier now')
    a.run('media', 'init', line.via)
    a.says('is a carrier already')
    a.run('sync')
    assert len(line.bundles()) == 1
    # unmounted there
    shutil.move(line.place, line.place + '.away')
    os.mkdir(line.place)
    a.save('two')
    a.run('sync', code=4)
    assert os.listdir(line.place) == []


@check
def a_line_that_drops_anywhere_loses_nothing(sites):
    line, a, b = two(sites)
    a.run('write')
    for cut in (0, 1, 50, 200, 500, 800, 1000, 1200, 1500, 2000):
        line.cut(cut)
        a.run('ship', code=None)
        b.run('sync', code=None)
    line.cut(None)
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    assert b.files() == ['one:2,'], b.files()
    a.run('sync')
    assert line.bundles() == [], line.bundles()
    b.run('check')


@check
def a_body_that_was_cut_goes_on_where_it_stopped(sites):
    line, a, b = two(sites)
    size = 3000000
    a.save('big', body='X: y\n\n' + ''.join(random.Random(2).choices(
        ''.join(map(chr, range(33, 127))), k=size)))
    a.run('write')
    a.run('ship')
    whole = line.passed()
    shutil.rmtree(os.path.join(line.place, 'pb'))
    shutil.rmtree(os.path.join(a.state, 'links'))
    line.cut(400000)
    for _ in range(20):
        a.run('ship', '--collect', code=None)
        a.run('ship', '--hand-over', code=None)
        if line.bundles():
            break
    else:
        raise AssertionError('it begins again and again')
    line.cut(None)
    a.run('ship')
    assert line.passed() < 1.1 * whole, (whole)
    b.run('sync')
    assert len(b.files()) == 2, b.files()


@check
def what_was_collected_is_fetched_once(sites):
    line, a, b = two(sites)
    a.run('sync')
    b.run('ship', '--collect')
    assert len(line.bundles()) == 1, 'it is removed with the next visit'
    line.passed()
    b.run('ship', '--collect')
    b.silent('collected (')
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()
    a.run('sync')
    b.run('sync')
    assert line.bundles() == [], line.bundles()


@check
def what_is_not_ours_stays(sites):
    line, a, b = two(sites)
    foreign = [os.path.join(line.place, name) for name in
               ('photo.jpg', 'pb/notes', 'pb/%016x/x.pb' % 7)]
    os.makedirs(os.path.dirname(foreign[2]))
    for path in foreign:
        with open(path, 'w') as file:
            file.write('mine')
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    for path in foreign:
        with open(path) as file:
            assert file.read() == 'mine'


@check
def three_sites_share_a_hub(sites):
    line, a, b = two(sites)
    c = sites.site('c')
    a.peer(c, line.via)
    c.peer(a, line.via)
    for _ in range(2):
        for site in (a, b, c):
            site.run('sync')
    a.run('sync')
    assert b.files() == ['one:2,'] and c.files() == ['one:2,']
    assert line.bundles() == [], line.bundles()


@check
def what_waited_for_a_link_that_is_no_more_goes(sites):
    line, a, b = two(sites)
    a.run('sync')
    assert len(os.listdir(os.path.join(a.state, 'links'))) == 1
    old, a.more = a.more, a.more.replace(line.via, line.via + '/')
    a.write_config()
    a.run('sync')
    assert len(os.listdir(os.path.join(a.state, 'links'))) == 1
    b.run('sync')
    assert b.files() == ['one:2,'], b.files()
    a.run('sync')
    a.run('peer', 'expel', 'b')
    a.more = ''
    a.write_config()
    a.run('ship', code=2)
    assert os.listdir(os.path.join(a.state, 'links')) == []


@check
def a_daemon_visits_from_time_to_time(sites):
    line, a, b = two(sites)
    a.more = a.more.replace('via =', 'every = "2s" via =')
    b.more = b.more.replace('via =', 'every = "1h" via =')
    a.write_config()
    b.write_config()
    a.follow('write', 'ship')
    a.wait(line.bundles, 20, 'it does not come')
    b.follow('ship', 'apply')
    a.wait(lambda: os.path.isdir(b.mail + '/new') and b.files(), 20, 'not applied')
    line.calls()
    time.sleep(3)
    assert 1 <= line.calls() <= 4
    a.stop()
    line.calls()
    time.sleep(1)
    assert line.calls() == 0
    b.stop()


if __name__ == '__main__':
    if not shutil.which('rsync'):
        print('skipped: rsync is not installed')
        sys.exit(77)
    sys.exit(plainsites.main(CHECKS))
