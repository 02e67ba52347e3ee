#!/usr/bin/env python3
"""Kill the writer at each file-changing call of a run that removes old segments,
or let that call fail: nothing is damaged or lost, and the next run finishes.

    removals.py [--seconds N] [--seed N] [--all]
    removals.py KIND:CALL ...
"""

import argparse
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'support'),
                os.path.join(HERE, '..', 'applier')]

import plainsites                                   # noqa: E402
from retention import logs, setting                 # noqa: E402
from snapshot import Snapshots                      # noqa: E402
from truncation import equal, exchange, no_gap, paired, \
    while_away                                      # noqa: E402

KINDS = ('kill', 'kill_after', 'torn', 'EIO', 'ENOSPC')


def run(site, program='packetboat-writer', **fault):
    """Returns its exit code."""
    env = dict(os.environ, LD_PRELOAD=os.environ['FAULTSHIM'], **fault)
    done = subprocess.run(
        [os.path.join(plainsites.BIN, program), '-c', site.config], env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    site.said = done.stderr
    return done.returncode


def prepare(sites):
    """Sealed segments and last ones, all to go, and a change to be logged."""
    a, b = paired(sites)
    while_away(a)
    for path in logs(a):
        with open(path, 'ab') as file:
            file.write(b'x')
    for base, name in (('m5', ''), ('w1', '.Work')):
        a.flag(base, 'F', name)
    a.run('write')
    assert len(logs(a)) == 5, logs(a)
    setting(a, 'log_keep = "0s"')
    a.flag('m6', 'S')
    return a, b


def calls_of_removal(a, path):
    assert run(a, FAULT_KIND='count', FAULT_LOG=path) == 0, a.said
    assert not logs(a), logs(a)
    with open(path) as file:
        calls = [line.split(' ', 2)[2].strip() for line in file]
    assert sum('.changes' in call and call.startswith('unlink')
               for call in calls) == 5, calls
    return calls


def judge(a, b, kind, number):
    code = run(a, FAULT_KIND=kind, FAULT_AT=str(number))
    assert code in ((-9, 0) if kind in ('kill', 'kill_after', 'torn')
                    else (0, 1, 3)), (code, a.said)
    a.run('check')
    a.run('gap', 'list')
    time.sleep(0.002)
    a.run('write')
    assert not logs(a), logs(a)
    left = [name for _, _, names in os.walk(os.path.join(a.state, 'log'))
            for name in names]
    assert not left, left
    no_gap(a)
    exchange(a, b)
    equal(a, b)
    no_gap(a, b)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=30)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--all', action='store_true')
    parser.add_argument('cases', nargs='*')
    args = parser.parse_args()
    sites = plainsites.Sites()
    failed = done = 0
    try:
        a, b = prepare(sites)
        snapshot = Snapshots(sites.top, sites.top + '.kept').take()
        calls = calls_of_removal(a, os.path.join(sites.top, 'calls'))
        cases = [(kind, number) for kind in KINDS
                 for number in range(1, len(calls) + 1)]
        random.Random(args.seed).shuffle(cases)
        if args.cases:
            cases = [(case.split(':')[0], int(case.split(':')[1]))
                     for case in args.cases]
        end = time.monotonic() + args.seconds
        for kind, number in cases:
            if time.monotonic() > end and not (args.all or args.cases):
                break
            snapshot.restore()
            done += 1
            try:
                judge(a, b, kind, number)
            except AssertionError as error:
                failed += 1
                print('%s:%d: %s: %s' % (kind, number, calls[number - 1],
                                         error))
        print('%d of %d cases, %d failed, seed %d' % (
            done, len(KINDS) * len(calls), failed, args.seed))
    finally:
        sites.close()
        subprocess.run(['rm', '-rf', sites.top + '.kept'], check=True)
    return 1 if failed or not done else 0


if __name__ == '__main__':
    sys.exit(main())
