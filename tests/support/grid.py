"""The grid of tests/crash and tests/fault: every program of the way stopped,
or failed, at each of its file-changing calls; then the way goes on, and its
end must be the same as if nothing had happened.

A case is written STEP:KIND:NUMBER, e.g. second.apply:kill:17.
"""

import argparse
import errno
import hashlib
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import way

REASONS = {'EIO': os.strerror(errno.EIO), 'ENOSPC': os.strerror(errno.ENOSPC),
           'EINTR': os.strerror(errno.EINTR)}
WORKERS = 6     # a killed holder of a lock makes the next one wait 2 s
SKIP = 77
SEED_OF_MAIL = 1


def shim_path():
    build = os.path.dirname(os.environ['PB_BIN'])
    return os.environ.get('FAULTSHIM',
                          os.path.join(build, 'tests', 'libfaultshim.so'))


def fingerprint():
    """What was covered with other programs is to be covered again."""
    digest = hashlib.sha256()
    for program in sorted(os.listdir(os.environ['PB_BIN'])):
        path = os.path.join(os.environ['PB_BIN'], program)
        if os.path.isfile(path):
            with open(path, 'rb') as file:
                digest.update(file.read())
    return digest.hexdigest()[:12]


class Worker(threading.Thread):
    def __init__(self, grid, number):
        super().__init__(daemon=True)
        self.grid = grid
        self.directory = os.path.join(grid.directory, 'w%d' % number)
        self.made = 0
        self.way = None

    def run(self):
        try:
            while self.one():
                pass
        except Exception as error:      # not of a case: the harness itself
            self.grid.fail('worker', '%s: %s' % (type(error).__name__, error),
                           None)
        finally:
            self.drop()

    def ready(self):
        """A way in which every step can be begun anew."""
        if self.way is None:
            self.made += 1
            self.way = way.Way(os.path.join(
                self.directory, str(self.made)), SEED_OF_MAIL)
            self.way.prepare(self.grid.shim, self.grid.steps)
        return self.way

    def drop(self):
        if self.way is not None and not self.grid.keep:
            shutil.rmtree(self.way.directory, ignore_errors=True)
        self.way = None

    def one(self):
        try:
            case = self.grid.cases.get_nowait()
        except queue.Empty:
            return False
        if time.monotonic() > self.grid.deadline:
            return False
        said = try_case(self.ready(), self.grid.shim, case)
        if said is None:
            self.grid.passed(case)
            return True
        kept = self.way.directory
        self.way = None     # left as it is, to be looked at
        self.grid.fail(case, said, kept)
        return True


def try_case(w, shim, case):
    """None, or what is wrong."""
    step, kind, number = case.split(':')
    log = os.path.join(w.directory, 'calls')
    w.snapshots[step].restore()
    try:
        done = w.step(step, {
            'LD_PRELOAD': shim, 'FAULT_KIND': kind, 'FAULT_AT': number,
            'FAULT_LOG': log})
    except subprocess.TimeoutExpired:
        return 'does not come to an end'
    calls = way.calls_of(log)
    number = int(number)
    if len(calls) < number:
        return None     # it was a call shorter this time
    call = calls[number - 1]
    try:
        said = judge(kind, done) or later(w, step) or None
    except (way.WayError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if said:
        said = '%s\n    %s: exit %d: %s' % (said, call, done.returncode,
                                            done.stderr.strip())
    return said


def judge(kind, done):
    """Did the program end as it should?"""
    if kind in ('kill', 'kill_after'):
        return None if done.returncode == -9 else 'was not killed'
    if done.returncode < 0:
        return 'died of signal %d' % -done.returncode
    if done.returncode == 0:
        return None     # harmless, or tried again
    if kind == 'short':
        return 'a short write is no failure'
    for line in done.stderr.split('\n'):
        if REASONS[kind] in line and '/' in line:
            return None
    return 'names no file and reason'


def later(w, step):
    for site in 'ab':
        w.check(site)
    w.go_on(step)
    return '\n    '.join(w.wrong(step.split('.')[0]))


class Grid:
    def __init__(self, kinds, args):
        self.shim = shim_path()
        self.keep = False
        self.steps = [step for step in way.ALL_STEPS
                      if not args.steps or step in args.steps]
        self.lock = threading.Lock()
        self.failures, self.done = [], 0
        self.directory = tempfile.mkdtemp(
            prefix='packetboat-grid-',
            dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)
        self.covered = os.environ.get('PB_COVERED') if args.all else None
        self.mark = fingerprint()
        seconds = args.seconds
        if args.all or args.cases:
            # tools/dev/campaign comes again for the rest
            seconds = float(os.environ.get('PB_SECONDS', 'inf'))
        self.deadline = time.monotonic() + seconds
        self.cases = queue.Queue()
        for case in args.cases or self.choose(kinds, args.seed):
            self.cases.put(case)
        self.total = self.cases.qsize()

    def choose(self, kinds, seed):
        """All cases that were not covered, in an order of the seed's."""
        covered = set()
        if self.covered and os.path.exists(self.covered):
            with open(self.covered) as file:
                covered = {line.split()[1] for line in file
                           if line.startswith(self.mark + ' ')}
        w = way.Way(os.path.join(self.directory, 'count'), SEED_OF_MAIL)
        w.prepare(self.shim, self.steps)
        cases = ['%s:%s:%d' % (step, kind, number)
                 for step in self.steps for kind in kinds
                 for number, call in enumerate(w.calls[step], 1)
                 if kind != 'short' or 'write' in call.split(' ')[0]]
        shutil.rmtree(w.directory)
        random.Random(seed).shuffle(cases)
        return [case for case in cases if case not in covered]

    def passed(self, case):
        with self.lock:
            self.done += 1
            if self.covered:
                with open(self.covered, 'a') as file:
                    file.write('%s %s\n' % (self.mark, case))

    def fail(self, case, said, kept):
        with self.lock:
            self.keep |= kept is not None
            self.failures.append(case)
            print('%s: %s%s' % (case, said,
                                '\n    kept: %s' % kept if kept else ''),
                  flush=True)
            if len(self.failures) >= 20:
                self.deadline = 0

    def run(self):
        workers = [Worker(self, number) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if not self.failures:
            shutil.rmtree(self.directory, ignore_errors=True)


def main(kinds):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--all', action='store_true',
                        help='the whole grid; $PB_COVERED names a file of '
                        'what is done, $PB_SECONDS limits the time')
    parser.add_argument('--seconds', type=float, default=25,
                        help='without --all: a sample, for so long')
    parser.add_argument('--seed', type=int,
                        default=int(time.time() // 86400),
                        help='of the sample; by default the day')
    parser.add_argument('--step', dest='steps', action='append',
                        choices=way.ALL_STEPS)
    parser.add_argument('cases', nargs='*', metavar='CASE')
    args = parser.parse_args()
    if not os.environ.get('PB_BIN'):
        print('SKIP: PB_BIN names no build')
        return 1 if os.environ.get('CI') else SKIP
    grid = Grid(kinds, args)
    grid.run()
    print('%d of %d cases passed, seed %d' % (grid.done, grid.total,
                                              args.seed))
    if grid.failures:
        print('again: %s %s' % (sys.argv[0], ' '.join(grid.failures)))
        return 1
    return 0
