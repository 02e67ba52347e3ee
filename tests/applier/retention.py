#!/usr/bin/env python3
"""Logs that were removed for their age, or for want of room, are not missed by
anybody; and a disk that is full is got over."""

import json
import os
import re
import subprocess
import sys
import time

import plainsites
from truncation import (equal, exchange, move, no_gap, paired,
                        while_away)

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def setting(site, text):
    """A line more in its site block."""
    with open(site.config) as file:
        words = file.read()
    with open(site.config, 'w') as file:
        file.write(words.replace(' }', '\n%s }' % text, 1))


def logs(site):
    """{path: (size, mtime)} of the segments."""
    paths = [os.path.join(where, name) for where, _, names
             in os.walk(os.path.join(site.state, 'log')) for name in names
             if name.endswith('.changes')]
    return {path: (os.path.getsize(path), os.path.getmtime(path))
            for path in paths}


def room(site):
    """What its logs take, as it is counted."""
    top = os.path.join(site.state, 'log')
    return sum(-(-os.lstat(os.path.join(where, name)).st_size // 4096) * 4096
               for where, dirs, names in os.walk(top) for name in dirs + names)


@check
def old_logs_go_and_nobody_misses_them(sites):
    a, b = paired(sites)
    while_away(a)
    assert len(logs(a)) == 3, logs(a)
    setting(a, 'log_keep = "0s"')
    time.sleep(0.01)
    a.run('-v', 'write')
    assert 'old segments removed' in a.said, a.said
    assert not logs(a), logs(a)
    no_gap(a)
    said = a.run('status')
    assert re.search(r'since \d+ seconds?, from the state: old segments are '
                     'removed', said), said
    a.run('-v', 'ship')
    assert 'changes came from the state' in a.said, a.said
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)
    assert 'from the state' not in a.run('status')
    # Each log begins anew where it was, and is removed again.
    for number in range(3):
        a.flag('m4', 'S' if number % 2 else '')
        a.save('later%d' % number)
        a.run('write')
        time.sleep(0.01)
        a.run('write')
        assert not logs(a), logs(a)
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def they_are_kept_while_they_are_young(sites):
    a, b = paired(sites)
    while_away(a)
    a.run('-v', 'write')
    assert 'removed' not in a.said, a.said
    assert len(logs(a)) == 3, logs(a)
    exchange(a, b)
    equal(a, b)
    assert len(logs(a)) == 3, logs(a)


@check
def the_cap_is_kept_whoever_lacks_what(sites):
    a, b = paired(sites)
    for number, letter in enumerate('bcdef123456789'):
        a.folder('.F%d' % number, 2000 + number, letter)
        a.save('f%d' % number, '.F%d' % number)
        a.run('write')
    before = logs(a)
    assert len(before) == 16, before
    setting(a, 'log_cap = "120K"')
    assert room(a) > 120 << 10, room(a)
    # It is looked at when much was logged.
    for number in range(1000):
        a.save('n%d' % number)
    a.run('write')
    assert 'the logs had reached log_cap' in a.said, a.said
    assert room(a) <= 105 << 10, room(a)
    # The oldest went, and the newest stayed.
    kept = [path for path in before if path in logs(a)]
    assert 0 < len(kept) < 16, kept
    oldest = min(changed for _, changed in logs(a).values())
    assert not [path for path, (_, changed) in before.items()
                if path not in kept and changed > oldest]
    no_gap(a)
    said = a.run('status')
    assert 'for want of room that peers had not applied' in said, said
    told = json.loads(a.run('status', '--json'))['logs']
    assert told['bytes'] == room(a) and told['cap'] == 120 << 10, told
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def what_may_not_be_removed_is_told(sites):
    a, b = paired(sites)
    aside = os.path.join(a.state, 'log', 'alice', 'x.damaged-1')
    os.mkdir(aside)
    with open(os.path.join(aside, 'y'), 'wb') as file:
        file.write(bytes(200000))
    setting(a, 'log_cap = "150K"')
    for number in range(1000):
        a.save('n%d' % number)
    a.run('write', code=3)
    assert 'may be removed but by you' in a.said, a.said
    assert not logs(a), logs(a)
    a.run('sync', code=None)
    said = a.run('status', code=3)
    assert 'is over log_cap, and not by segments' in said, said
    os.unlink(os.path.join(aside, 'y'))
    exchange(a, b)
    equal(a, b)
    a.run('status')


@check
def check_and_status_agree_on_what_somebody_removed(sites):
    a, b = paired(sites)
    for path in logs(a):
        os.unlink(path)
    for _ in range(2):
        a.run('check', code=1)
        assert a.said.count('missing, and the log ends in it') == 2, a.said
        said = a.run('status', code=3)
        assert said.count('somebody removed segments of its log') == 2, said
    # A peer that has it all lacks nothing: no gap. The writer looks after its
    # logs once an hour, and whenever it logs something.
    setting(a, 'log_keep = "1s"')
    time.sleep(1.1)
    a.run('write')
    no_gap(a)
    a.run('status')
    a.flag('m4', 'S')
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def a_lost_change_that_nothing_is_left_of_is_no_gap(sites):
    a, b = paired(sites)
    a.folder('.Work', 1001, 'b')
    a.save('w1', '.Work')
    exchange(a, b)
    # All that stands of the move is in the log of where it went.
    move(a, 'w1', '.Work', '')
    a.run('write')
    for path in logs(a):
        os.unlink(path)
    setting(a, 'log_keep = "1s"')
    time.sleep(1.1)
    a.run('write')
    gaps = json.loads(a.run('gap', 'list', '--json', code=3))
    assert 'INBOX' in [gap['folder'] for gap in gaps], gaps
    exchange(a, b, code=None)
    equal(a, b)
    no_gap(b)
    assert a.run('gap', 'list').strip() == 'no gaps'


# ---- a full disk ----

MOUNTED = """set -e
mkdir -p "$1"
mount -t tmpfs -o size=3m none "$1"
shift
exec "$@"
"""


def may_mount():
    return subprocess.run(['unshare', '-rm', 'mount', '-t', 'tmpfs', 'none',
                           '/mnt'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def on_a_small_disk(sites):
    """The state of a lies on a file system of 3 MiB."""
    a, b = paired(sites)
    filler = os.path.join(a.state, 'filler')
    while_away(a)
    # What is written to behind a log's end is sealed with the next change.
    old = logs(a)
    for path in old:
        with open(path, 'ab') as file:
            file.write(b'x')
    for base, name in (('m5', ''), ('w1', '.Work')):
        a.flag(base, 'F', name)
    a.run('write')
    assert len(logs(a)) == len(old) + 2, logs(a)

    def fill():
        with open(filler, 'wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    fill()
    a.flag('m4', 'S')
    # The sealed segments are young, and go all the same.
    a.run('write', code=None)
    assert 'the disk is full' in a.said, a.said
    assert 'of them peers had not applied' in a.said, a.said
    assert len(set(old) & set(logs(a))) <= 1, logs(a)
    # Until there is room nothing is logged, and that is said.
    for number in range(3000):
        a.save('n%d' % number)
    fill()
    a.run('write', code=1)
    assert 'No space left' in a.said, a.said
    a.run('check', code=None)
    assert 'message: ' not in a.said
    os.unlink(filler)
    a.run('write')
    no_gap(a)
    exchange(a, b)
    equal(a, b)
    a.expunge('n7')
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


@check
def a_full_disk_is_got_over(sites):
    if not may_mount():
        print('# no mounts here')
        return
    # In a mount namespace of its own: this script, once more.
    top = os.path.join(sites.top, 'small')
    done = subprocess.run(
        ['unshare', '-rm', 'sh', '-c', MOUNTED, 'sh', top, sys.executable,
         '-B', os.path.abspath(__file__), '--on', top],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def run_on(top):
    sites = plainsites.Sites()
    try:
        # Only what a writes itself is to be short of room.
        make = sites.site

        def site(name):
            if name == 'a':
                os.symlink(top, os.path.join(sites.top, 'a.state'))
            return make(name)
        sites.site = site
        on_a_small_disk(sites)
    finally:
        sites.close()
    return 0


if __name__ == '__main__':
    if sys.argv[1:2] == ['--on']:
        sys.exit(run_on(sys.argv[2]))
    sys.exit(plainsites.main(CHECKS))
