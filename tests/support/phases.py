"""Small grids of tests/crash: a program at plain sites (tests/applier) is killed
at each file-changing call of a run of it, or that call fails; a judge of the
test's own goes on from there.

A case is written PHASE:KIND:NUMBER, e.g. removing:kill:17.
"""

import argparse
import os
import random
import subprocess
import time

import plainsites
from snapshot import Snapshots

KILLS = ('kill', 'kill_after', 'torn')
KINDS = KILLS + ('EIO', 'ENOSPC')


def run(site, program, **fault):
    """Returns its exit code; what it said is site.said."""
    env = dict(os.environ, LD_PRELOAD=os.environ['FAULTSHIM'], **fault)
    done = subprocess.run(
        [os.path.join(plainsites.BIN, program), '-c', site.config], env=env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    site.said = done.stderr
    return done.returncode


class Phase:
    """A run of a program at a site, and the calls of it, from what lies below
    sites.top now.  Whoever derives has judge(), which asserts what must be
    when the run was disturbed."""

    def __init__(self, name, sites, site, program):
        self.name, self.site, self.program = name, site, program
        self.kept = '%s.kept-%s' % (sites.top, name)
        self.snapshot = Snapshots(sites.top, self.kept).take()
        path = os.path.join(sites.top, 'calls')
        assert run(site, program, FAULT_KIND='count', FAULT_LOG=path) == 0, \
            site.said
        with open(path) as file:
            self.calls = [line.split(' ', 2)[2].strip() for line in file]
        os.unlink(path)

    def cases(self):
        return ['%s:%s:%d' % (self.name, kind, number) for kind in KINDS
                for number in range(1, len(self.calls) + 1)]

    def disturb(self, case):
        _, kind, number = case.split(':')
        self.snapshot.restore()
        code = run(self.site, self.program, FAULT_KIND=kind, FAULT_AT=number)
        assert code in ((-9, 0) if kind in KILLS else (0, 1, 3)), \
            (code, self.site.said)
        self.judge()

    def call(self, case):
        return self.calls[int(case.split(':')[2]) - 1]

    def judge(self):
        raise NotImplementedError


def main(description, phases, seconds):
    """phases(sites) makes the sites and gives their phases; unless all of them
    or some cases are asked for, as many are tried as SECONDS allow."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--seconds', type=float, default=seconds)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--all', action='store_true', help='every case')
    parser.add_argument('cases', nargs='*', metavar='CASE')
    args = parser.parse_args()
    sites = plainsites.Sites()
    named = {}
    failed = done = 0
    try:
        for phase in phases(sites):
            named[phase.name] = phase
        every = [case for phase in named.values() for case in phase.cases()]
        random.Random(args.seed).shuffle(every)
        end = time.monotonic() + args.seconds
        for case in args.cases or every:
            if time.monotonic() > end and not (args.all or args.cases):
                break
            phase = named[case.split(':')[0]]
            done += 1
            try:
                phase.disturb(case)
            except AssertionError as error:
                failed += 1
                print('%s: %s: %s' % (case, phase.call(case), error))
        print('%d of %d cases, %d failed, seed %d' % (
            done, len(every), failed, args.seed))
    finally:
        sites.close()
        for phase in named.values():
            subprocess.run(['rm', '-rf', phase.kept], check=True)
    return 1 if failed or not done else 0
