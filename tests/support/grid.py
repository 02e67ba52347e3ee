"""The grid of tests/crash and tests/fault: every program of the way (way.py)
stopped, or failed, at each of its file-changing calls; then the way goes on,
and its end must be the same as if nothing had happened (endstate.py).

A case is written STEP:KIND:NUMBER, e.g. plusplus.second.apply:kill:17; with
KIND waiting it is the number of a lock that somebody has meanwhile.
"""

import argparse
import errno
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import following
import way

# Kinds of faults in a daemon, and what they are to the shim.
FOLLOWED = {'follow': 'EIO', 'follow_full': 'full', 'follow_broken': 'broken',
            'follow_pulled': 'pulled'}
PULLED = ('pulled', 'follow_pulled')    # of programs that use the medium
REASONS = {'EIO': errno.EIO, 'ENOSPC': errno.ENOSPC, 'EINTR': errno.EINTR,
           'full': errno.ENOSPC, 'broken': errno.EIO}
WRITES = ('short', 'torn')      # of writes only
GROWING = ('open', 'pwrite', 'write', 'mkdir', 'link')
SYNCS = ('fsync', 'fdatasync')
FOLLOWED_TRIP = way.SHAPES[0] + '.second.'
WAY_SECONDS = 2400      # logs are tidied an hour after they were begun
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


def is_worth(kind, calls, at):
    """Can this be done to that call, and is it not the same as another?"""
    name = calls[at].split(' ')[0]
    if kind == 'waiting':       # of no call
        return False
    if kind in WRITES:
        return 'write' in name
    if kind == 'kill_after':    # is the kill before the next one
        return at + 1 == len(calls)
    if kind == 'term':
        return 'write' not in name
    if kind == 'full':
        return name in GROWING
    if kind == 'follow_broken':
        return 'write' not in name
    return True


def is_followed(step):
    """One trip with daemons is enough: it knows every kind of change."""
    return step.startswith(FOLLOWED_TRIP) and '.serve' not in step


def is_at_medium(w, step):
    step = w.find(step)[2]
    return step.program == way.SHIPPER and not step.args and not step.victim


def is_of_shape(w, calls, at):
    """Elsewhere than in the mail store, and next to such a call, the shapes
    of stores do not differ: one of them is tried at each call."""
    near = calls[max(at - 1, 0):at + 2]
    return w.name == way.SHAPES[0] or any(w.is_mail(call) for call in near)


def cases_of(w, kinds):
    cases = ['%s:%s:%d' % (step, kind, at + 1)
             for step, calls in w.calls.items() for at in range(len(calls))
             if is_of_shape(w, calls, at)
             for kind in kinds if is_worth(kind, calls, at) and
             (kind not in FOLLOWED or is_followed(step)) and
             (kind not in PULLED or is_at_medium(w, step))]
    if 'waiting' in kinds:
        cases += ['%s:waiting:%d' % (step, number)
                  for step, locks in w.waits.items()
                  for number in range(1, len(locks) + 1)]
    return cases


class Worker(threading.Thread):
    def __init__(self, grid, number):
        super().__init__(daemon=True)
        self.grid = grid
        self.directory = os.path.join(grid.directory, 'w%d' % number)
        self.made = 0
        self.shape = grid.shapes[number % len(grid.shapes)]
        self.ways = {}      # by shape

    def run(self):
        try:
            while self.one():
                pass
        except Exception as error:      # not of a case: the harness itself
            self.grid.fail('worker', '%s: %s' % (type(error).__name__, error),
                           None)
        finally:
            for w in self.ways.values():
                w.remove()

    def ready(self, shape):
        """A way in which every step can be begun anew."""
        if shape in self.ways and \
                time.monotonic() - self.ways[shape].made > WAY_SECONDS:
            self.ways.pop(shape).remove()
        if shape not in self.ways:
            self.made += 1
            w = way.Way(os.path.join(self.directory, str(self.made)), shape,
                        SEED_OF_MAIL)
            w.made = time.monotonic()
            w.prepare(self.grid.shim, self.grid.steps)
            self.ways[shape] = w
        return self.ways[shape]

    def one(self):
        case = self.grid.next(self.shape)
        if not case:
            return False
        self.shape = shape = case.split('.')[0]
        w = self.ready(shape)
        reached, said = try_case(w, self.grid.shim, case)
        if said is None:
            self.grid.passed(case, reached)
            return True
        del self.ways[shape]    # left as it is, to be looked at
        self.grid.fail(case, said, w.directory)
        return True


def try_case(w, shim, case):
    """Was the call reached; None, or what is wrong."""
    name, kind, number = case.split(':')
    number = int(number)
    w.snapshots[name].restore()
    if kind == 'waiting':
        return True, try_waiting(w, name, w.waits[name][number - 1])
    # A call less than when they were counted, now and then.
    call = w.calls[name][min(number, len(w.calls[name])) - 1]
    if kind in FOLLOWED:
        return True, try_follow(w, shim, name, kind, number)
    fault = w.fault(shim, kind, number)
    if kind == 'full':
        fault['FAULT_BELOW'] = w.disk_of(call)
    if kind == 'pulled':
        fault['FAULT_BELOW'] = w.stick
    try:
        done = w.disturb(name, fault)
    except subprocess.TimeoutExpired:
        return True, 'does not come to an end'
    calls = w.calls_made()
    if len(calls) < number:     # some calls less this time
        number = len(calls)
        if kind not in ('full', 'broken', 'pulled') and done.returncode not in \
                w.find(name)[2].ends:
            return False, 'undisturbed, exit %d: %s' % (
                done.returncode, done.stderr.strip())
        return False, None
    try:
        w.put_back_stick()
        said = judge(w.find(name)[2], kind, done) or \
            used_again(kind, calls, number) or later(w, name) or None
    except (way.WayError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if said:
        said = '%s\n    %s: exit %d: %s' % (said, calls[number - 1],
                                            done.returncode,
                                            done.stderr.strip())
    return True, said


def try_follow(w, shim, name, kind, number):
    kind = FOLLOWED[kind]
    fault = w.fault(shim, kind, number)
    if kind == 'pulled':
        fault['FAULT_BELOW'] = w.stick
    calls, words = [''], ''
    try:
        said, words = following.follow(w, name, fault)
        calls = w.calls_made()
        said = said or (number <= len(calls) and
                        used_again(kind, calls, number)) or \
            later(w, name, True) or None
    except (way.WayError, subprocess.TimeoutExpired) as error:
        said = str(error)
    return '%s\n    %s: %s' % (said, calls[min(number, len(calls)) - 1],
                               words) if said else None


def try_waiting(w, name, lock):
    try:
        done = w.kill_waiting(name, lock)
        said = later(w, name)
    except (way.WayError, subprocess.TimeoutExpired) as error:
        said = str(error)
    return '%s\n    %s: exit %d: %s' % (
        said, lock, done.returncode, done.stderr.strip()) if said else None


def judge(step, kind, done):
    """Did the program end as it should?"""
    code = done.returncode
    if kind in ('kill', 'kill_after', 'torn') and not step.victim:
        return None if code == -9 else 'was not killed'
    if kind == 'term' and code == -15:
        return None     # the front, which has nothing to finish
    if code < 0:
        return 'died of signal %d' % -code
    if code in step.ends:
        return None     # harmless, or tried again
    if kind == 'term':
        return 'was told to end, and failed'
    if kind == 'short':
        return 'a short write is no failure'
    if kind == 'pulled' and code == way.LATER:
        return None
    for line in done.stderr.split('\n'):
        if step.victim and step.victim in line:
            return None
        if kind == 'pulled' and any(os.strerror(reason) in line for reason in
                                    (errno.EIO, errno.ENOENT)):
            return None
        if kind in REASONS and os.strerror(REASONS[kind]) in line and \
                '/' in line:
            return None
    return 'names no file and reason'


def used_again(kind, calls, number):
    """A failed fsync is final: nothing more is written to that file.  The
    replica state is opened anew, and rolls back by its journal."""
    name, _, path = calls[number - 1].partition(' ')
    written = [call for call in calls[:number - 1]
               if 'write' in call.split(' ')[0] and call.endswith(' ' + path)]
    if kind not in REASONS or kind == 'broken' or name not in SYNCS or \
            '/state.db' in path or not written:
        return None
    for call in calls[number:]:
        what, _, rest = call.partition(' ')
        if what in ('open', 'unlink') and rest == path:
            return None     # a new one
        if ('write' in what or what in SYNCS) and rest == path:
            return 'used after its fsync failed: ' + call
    return None


def later(w, name, done=False):
    for site in 'ab':
        if os.path.exists(os.path.join(w.root, site, 'key')):
            w.check(site)
    w.go_on(name, done)
    return '\n    '.join(w.wrong(w.find(name)[1]))


class Grid:
    def __init__(self, kinds, args):
        self.shim = shim_path()
        self.steps = args.steps or list(way.ALL_STEPS)
        if set(kinds) <= set(FOLLOWED):
            self.steps = [step for step in self.steps if is_followed(step)]
        elif not (args.all or args.cases or args.steps):
            shape = random.Random(args.seed).choice(way.SHAPES)
            self.steps = [step for step in way.ALL_STEPS
                          if step.split('.')[0] == shape]
        self.lock = threading.Lock()
        self.failures, self.done, self.missed = [], 0, 0
        self.most_failures = args.failures
        self.directory = tempfile.mkdtemp(prefix='packetboat-grid-',
                                          dir=args.directory)
        self.covered = os.environ.get('PB_COVERED') if args.all else None
        self.mark = fingerprint()
        seconds = args.seconds
        if args.all or args.cases:
            # tools/dev/campaign comes again for the rest
            seconds = float(os.environ.get('PB_SECONDS', 'inf'))
        self.deadline = time.monotonic() + seconds
        cases = args.cases or self.choose(kinds, args.seed)
        self.total = len(cases)
        self.workers = args.workers
        self.cases = {}     # by shape; making another one takes a second
        for case in reversed(cases):
            self.cases.setdefault(case.split('.')[0], []).append(case)
        self.shapes = list(self.cases) or [None]

    def choose(self, kinds, seed):
        """All cases that were not covered, in an order of the seed's."""
        covered = set()
        if self.covered and os.path.exists(self.covered):
            with open(self.covered) as file:
                covered = {line.split()[1] for line in file
                           if line.startswith(self.mark + ' ')}
        cases = []
        if not self.steps:
            raise SystemExit('no such step has these faults')
        for shape in sorted({step.split('.')[0] for step in self.steps}):
            w = way.Way(os.path.join(self.directory, 'count'), shape,
                        SEED_OF_MAIL)
            w.prepare(self.shim, self.steps)
            cases += cases_of(w, kinds)
            w.remove()
        random.Random(seed).shuffle(cases)
        return [case for case in cases if case not in covered]

    def next(self, shape):
        """Of this shape, as long as there are any; None: no more."""
        with self.lock:
            if time.monotonic() > self.deadline:
                return None
            if not self.cases.get(shape):
                shape = max(self.cases, key=lambda s: len(self.cases[s]),
                            default=None)
            return self.cases[shape].pop() if self.cases.get(shape) else None

    def passed(self, case, reached):
        with self.lock:
            self.done += 1
            self.missed += not reached
            if self.covered:
                with open(self.covered, 'a') as file:
                    file.write('%s %s\n' % (self.mark, case))

    def fail(self, case, said, kept):
        with self.lock:
            self.failures.append(case)
            print('%s: %s%s' % (case, said,
                                '\n    kept: %s' % kept if kept else ''),
                  flush=True)
            if len(self.failures) >= self.most_failures:
                self.deadline = 0

    def run(self):
        workers = [Worker(self, number) for number in range(self.workers)]
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
                        help='of the order; by default the day')
    parser.add_argument('--step', dest='steps', action='append',
                        choices=way.ALL_STEPS, metavar='STEP',
                        help='only this one, e.g. fs.second.apply')
    parser.add_argument('--workers', type=int, default=WORKERS,
                        help='so many at a time')
    parser.add_argument('--failures', type=int, default=20,
                        help='so many, and it ends')
    parser.add_argument('--directory', default='/dev/shm' if os.access(
        '/dev/shm', os.W_OK) else None, help='where it works')
    parser.add_argument('cases', nargs='*', metavar='CASE')
    args = parser.parse_args()
    if not os.environ.get('PB_BIN'):
        print('SKIP: PB_BIN names no build')
        return 1 if os.environ.get('CI') else SKIP
    grid = Grid(kinds, args)
    grid.run()
    print('%d of %d cases passed (%d not reached), seed %d' % (
        grid.done, grid.total, grid.missed, args.seed))
    if grid.failures:
        print('again: %s %s' % (sys.argv[0], ' '.join(grid.failures)))
        return 1
    return 0
