"""Two sites, a directory between them, and the whole way of mail from one
mail store to the other, a program at a time: to be stopped anywhere.

    begin     a site and a medium are made
    first     an existing mail store is replicated for the first time
    second    every kind of change that a user makes, on top of it
    third     users at both sites, in the same folders
    fourth    an operator: logging off and on, a guard, a bundle as a file

A step is written SHAPE.TRIP.STEP, e.g. fs.second.apply.
"""

import difflib
import fcntl
import os
import pprint
import shutil
import subprocess
from dataclasses import dataclass

import endstate
import following
import mailmaker
from mailmaker import Shape
from snapshot import Snapshots

RUN_SECONDS = 60
WAITING_SECONDS = 0.5
LATER = 4           # the exit code of "come again"


@dataclass(frozen=True)
class Step:
    name: str
    site: str
    program: str
    args: tuple = ()
    ends: tuple = (0,)      # exit codes when nothing disturbs it
    again: tuple = None     # when it was stopped before; None: the same
    victim: str = None      # a child of the program is to be disturbed


WRITER, SHIPPER, APPLIER, FRONT = (
    'packetboat-writer', 'packetboat-shipper', 'packetboat-applier',
    'packetboat')

SHIP = Step('ship', 'a', SHIPPER)
ARRIVE = (
    Step('collect', 'b', SHIPPER),
    Step('apply', 'b', APPLIER),
    Step('acknowledge', 'b', SHIPPER),
    Step('hear', 'a', SHIPPER),
    Step('settle', 'a', APPLIER))
STEPS = (Step('write', 'a', WRITER), SHIP) + ARRIVE
TRIPS = {
    'begin': (
        Step('init', 'a', FRONT, ('init',), again=(0, 1)),
        Step('media', 'a', FRONT, ('media', 'init', 'STICK'))),
    'first': STEPS,
    'second': STEPS,
    'third': STEPS,
    'fourth': (
        Step('off', 'a', FRONT, ('off', 'alice', 'Archive')),
        Step('look', 'a', WRITER, ends=(3,)),
        Step('on', 'a', FRONT, ('on', 'alice', 'Archive')),
        Step('accept', 'a', FRONT, ('guard', 'accept', 'alice', 'Bulk'),
             again=(0, 2)),
        Step('write', 'a', WRITER),
        Step('output', 'a', SHIPPER, ('--output', 'FILE', 'b')),
        Step('capture', 'b', WRITER),
        Step('take', 'b', APPLIER, ('FILE',))) + ARRIVE[2:],
}
# The writer that hands bodies to the shipper, within the shipper's step.
VICTIMS = {
    'serve': Step('ship', 'a', SHIPPER, victim=WRITER),
    'serve_output': Step('output', 'a', SHIPPER, ('--output', 'FILE', 'b'),
                         victim=WRITER),
}
SHAPES = ('plusplus', 'fs', 'control', 'bare')


def _names():
    for shape in SHAPES:
        for trip, steps in TRIPS.items():
            if trip == 'begin' and shape != SHAPES[0]:
                continue
            for step in steps:
                yield '%s.%s.%s' % (shape, trip, step.name)
                for name, victim in VICTIMS.items():
                    if victim.name == step.name:
                        yield '%s.%s.%s' % (shape, trip, name)


ALL_STEPS = tuple(_names())


class WayError(Exception):
    pass


class Held:
    """A lock that somebody who lives has, as a context."""

    def __init__(self, path, root):
        self.path, self.root, self.file = path, root, None

    def __enter__(self):
        if self.path.endswith('.lock') and \
                not self.path.endswith(('ship.lock', 'visits.lock')):
            with open(self.path, 'x') as file:
                if 'uidlist' in self.path:
                    file.write('%d:%s' % (os.getpid(), os.uname().nodename))
            self.inode = os.stat(self.path).st_ino
            return
        self.file = open(self.path, 'r+')
        fcntl.lockf(self.file, fcntl.LOCK_EX)   # of a database: its bytes, too

    def __exit__(self, *_):
        if self.file:
            self.file.close()
            return
        # in layout fs it goes with a folder above
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(directory, name)
                if name.endswith('.lock') and \
                        os.stat(path).st_ino == self.inode:
                    os.unlink(path)


class Way:
    """A pair of sites below `directory`, which must not be there."""

    def __init__(self, directory, shape, seed):
        self.directory = directory
        self.root = os.path.join(directory, 'work')
        self.bin = os.environ['PB_BIN']
        self.name = shape
        self.shapes = {site: self._shape(shape, site) for site in 'ab'}
        self.seed = seed
        self.all = Snapshots(self.root, os.path.join(directory, 'kept'))
        self.snapshots = {}     # by step: as it is before it
        self.calls = {}         # by step: its file-changing calls
        self.waits = {}         # by step: what it may have to wait for
        self.done = {}          # by step: what it changes, when it is done
        self.ends = {}          # by trip: what it came to, undisturbed
        self.users = {}
        self.alone = shape != 'bare'    # the target has no mail of its own
        self.gone = set()       # what the target's user expunged
        self.stick = os.path.join(self.root, 'stick')
        os.makedirs(self.stick)
        os.makedirs(os.path.join(self.root, 'out'))
        for site in 'ab':
            self._configure(site, '')

    def _shape(self, name, site):
        root = os.path.join(self.root, site)
        return Shape(
            root + 'm', fs=name == 'fs', bare=name == 'bare',
            control=root + 'c' if name == 'control' or
            (name, site) == ('fs', 'b') else None,
            index=root + 'i' if name in ('control', 'fs') and
            site == 'b' else None)

    # The sites.

    def config(self, site):
        return os.path.join(self.directory, site + '.conf')

    def _configure(self, site, peers):
        shape = self.shapes[site]
        keys = [('maildir', shape.root), ('control', shape.control),
                ('index', shape.index),
                ('layout', 'fs' if shape.fs else 'maildir++')]
        if site == 'a':     # so that few mails are many
            keys.append(('guard_least', '4'))
        # ... and that the trash is full at once
        trash = 'trash_size = "0" ' if shape.fs else ''
        with open(self.config(site), 'w') as file:
            file.write('site "%s" { state = "%s/%s" %s}\n'
                       'account "alice" { %s }\n%s' % (
                           site, self.root, site, trash, ' '.join(
                               '%s = "%s"' % key for key in keys if key[1]),
                           peers))

    def peer(self):
        """The other site, and what each is to know of the other."""
        self.run(FRONT, 'b', 'init')
        for site, other in ('ab', 'ba'):
            self._configure(site, 'peer "%s" { key = "%s" via = "dir:%s" }\n'
                            % (other, self.key(other), self.stick))

    def key(self, site):
        return self.run(FRONT, site, 'key').stdout.strip()

    # Programs.

    def start(self, program, site, *args, fault=None):
        env = dict(os.environ, LC_ALL='C.UTF-8')
        if fault:
            env.update(fault)
        return subprocess.run(
            [os.path.join(self.bin, program), '-c', self.config(site), *args],
            env=env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=RUN_SECONDS)

    def run(self, program, site, *args, ends=(0,)):
        done = self.start(program, site, *args)
        if done.returncode not in ends:
            raise WayError('%s at %s: exit %d: %s%s' % (
                ' '.join((program,) + args), site, done.returncode,
                done.stdout, done.stderr))
        return done

    def find(self, name):
        """(shape, trip, Step) of a step's name."""
        shape, trip, step = name.split('.')
        if step in VICTIMS:
            return shape, trip, VICTIMS[step]
        return shape, trip, next(
            s for s in TRIPS[trip] if s.name == step)

    def arguments(self, step):
        places = {'STICK': self.stick,
                  'FILE': self.root + '/out/bundle'}
        return [places.get(arg, arg) for arg in step.args]

    def step(self, step, stopped=False):
        ends = step.again if stopped and step.again else step.ends
        return self.run(step.program, step.site, *self.arguments(step),
                        ends=ends)

    def disturb(self, name, fault):
        """One step with a fault: whatever becomes of it."""
        _, _, step = self.find(name)
        fault = dict(fault, FAULT_PROGRAM=step.victim or step.program)
        if step.victim:
            fault['FAULT_SOCKETS'] = '1'
        return self.start(step.program, step.site, *self.arguments(step),
                          fault=fault)

    def kill_waiting(self, name, lock):
        """One step while somebody else has a lock, killed while it waits."""
        _, _, step = self.find(name)
        with Held(lock, self.root):
            child = subprocess.Popen(
                [os.path.join(self.bin, step.program), '-c',
                 self.config(step.site), *self.arguments(step)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)
            try:
                child.wait(WAITING_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
            said = child.communicate()
        return subprocess.CompletedProcess([], child.returncode, *said)

    def locks(self, step):
        """What a step may have to wait for, as things are now."""
        state = os.path.join(self.root, step.site)
        shape = self.shapes[step.site]
        names = [state + '/visits.lock', state + '/ship.lock',
                 state + '/accounts/alice/lock',
                 state + '/accounts/alice/state.db']
        names = [name for name in names if os.path.exists(name)]
        if os.path.exists(shape.subscriptions()):
            names.append(shape.subscriptions() + '.lock')
        for folder in shape.folders() if os.path.exists(shape.root) else ():
            list_ = os.path.join(shape.control_dir(folder), 'dovecot-uidlist')
            if os.path.exists(list_):
                names.append(list_ + '.lock')
        return sorted(names)

    def check(self, site):
        self.run(FRONT, site, 'check')

    # The situation.

    def begin(self):
        """Nothing to be done before."""

    def first(self):
        """What lies in the mail store before anything is replicated."""
        self.peer()
        self.users['a'] = s = mailmaker.Maker(
            self.shapes['a'], self.seed, remove=self.all.remove)
        b = self.shapes['b']
        if b.bare:      # an empty one would be given Dovecot's files
            self.users['b'] = mailmaker.Maker(b, self.seed, 1000)
            self.users['b'].deliver('INBOX', 230, 'S')
        for root in (b.root, b.control, b.index):
            if root:
                os.makedirs(root, exist_ok=True)
        for folder in ('Work', 'Work/2026', 'Archive', 'Old', 'Lists/pb',
                       'Left', 'Right'):
            s.create(folder)
        self.inbox = [
            s.deliver('INBOX', 300),
            s.deliver('INBOX', 900, 'S'),
            s.deliver('INBOX', 200, 'FS', ('$Forwarded',)),
            s.deliver('INBOX', 300, 'RS', ('later', '$Forwarded')),
            s.deliver('INBOX', 40000, ''),
            s.deliver('INBOX', 250, 'S'),
            s.deliver('INBOX', 260, 'S')]
        self.work = [s.deliver('Work', 300 + i, 'S') for i in range(3)]
        s.deliver('Work/2026', 400, 'F')
        self.archive = [s.deliver('Archive', 500, 'S', ('done',))
                        for _ in range(3)]
        s.deliver('Old', 200, 'S')
        s.deliver('Left', 210, 'S')
        s.deliver('Right', 220)
        s.expunge('INBOX', self.inbox.pop())
        for folder in ('INBOX', 'Work', 'Lists/pb', 'Left'):
            s.subscribe(folder)

    def second(self):
        s, inbox = self.users['a'], self.inbox
        self.users['b'] = mailmaker.Maker(self.shapes['b'], self.seed, 2000)
        self.users['b'].index()
        s.flags('INBOX', inbox[0], 'S')
        s.flags('INBOX', inbox[1], 'FS', ('later',))
        s.flags('INBOX', inbox[2], 'S')
        s.copy('INBOX', inbox[3], 'Archive')
        s.move('INBOX', inbox[4], 'Archive')
        s.expunge('INBOX', inbox[5])
        s.expunge('Archive', self.archive[1])
        s.flags('Archive', self.archive[0], 'RS', ('done', 'new-word'))
        s.rename('Work', 'Projects')
        s.flags('Projects', self.work[0], 'FS')
        s.delete('Old')
        s.rename('Left', 'Aside')
        s.rename('Right', 'Left')
        s.rename('Aside', 'Right')
        s.create('Fresh')
        s.deliver('Fresh', 3000)
        s.deliver('Fresh', 200, 'S', ('later',))
        s.move('Projects', self.work[1], 'Fresh')
        s.subscribe('Projects')
        s.subscribe('Work', False)
        s.deliver('INBOX', 350)
        s.deliver('INBOX', 150000)
        s.deliver('INBOX', 320, 'S', ('$Forwarded',))

    def third(self):
        a, b, inbox = self.users['a'], self.users['b'], self.inbox
        self.alone = False
        b.deliver('INBOX', 330)
        b.flags('INBOX', inbox[1], 'S')
        b.flags('Archive', self.archive[2], 'FS', ('here',))
        b.expunge('Projects', self.work[2])
        self.gone.add(self.work[2])
        b.move('INBOX', inbox[2], 'Right')
        b.create('Own')
        b.deliver('Own', 270, 'S', ('here',))
        b.subscribe('Own')
        a.deliver('INBOX', 340)
        a.flags('INBOX', inbox[1], 'RS', ('later',))
        a.flags('Archive', self.archive[2], 'DS')
        a.copy('Archive', self.archive[0], 'Projects')
        a.create('Bulk')
        self.bulk = [a.deliver('Bulk', 200 + i, 'S') for i in range(6)]

    def fourth(self):
        a, b = self.users['a'], self.users['b']
        a.flags('Archive', self.archive[0], 'S')
        a.deliver('Archive', 280, 'F')
        for base in self.bulk[:5]:
            a.expunge('Bulk', base)
        a.deliver('INBOX', 360)
        b.deliver('INBOX', 370, '')
        b.flags('Archive', self.archive[0], 'FRS')

    def prepare(self, shim, wanted=ALL_STEPS):
        """Runs the whole way undisturbed, keeps what lies before each
        step, and counts the calls of those that are wanted."""
        for trip, steps in TRIPS.items():
            getattr(self, trip)()
            for step in steps:
                self._prepare_step(shim, trip, step, wanted)
            self.around(trip)
            self.ends[trip] = end = endstate.of(self)
            said = end.wrong_in_itself()
            if said:
                raise WayError('undisturbed, the %s trip: %s'
                               % (trip, '; '.join(said)))

    def _prepare_step(self, shim, trip, step, wanted):
        names = ['%s.%s.%s' % (self.name, trip, name) for name in
                 [name for name, v in VICTIMS.items()
                  if v.name == step.name] + [step.name]]
        names = [name for name in names if name in wanted]
        if not names:
            self.step(step)
            return
        kept = self.all.take()
        for number, name in enumerate(names):
            if number:
                kept.restore()
            self.snapshots[name] = kept
            self.waits[name] = [] if step.victim else self.locks(step)
            done = self.disturb(name, self.fault(shim, 'count'))
            if done.returncode not in step.ends:
                raise WayError('%s: exit %d: %s' % (
                    name, done.returncode, done.stderr))
            self.calls[name] = self.calls_made()
            self.done[name] = following.done_by(self, step)

    def fault(self, shim, kind, at=0):
        return {'LD_PRELOAD': shim, 'FAULT_KIND': kind, 'FAULT_AT': str(at),
                'FAULT_LOG': os.path.join(self.directory, 'calls')}

    def calls_made(self):
        """The calls of the process disturbed last."""
        path = os.path.join(self.directory, 'calls')
        if not os.path.exists(path):
            return []
        with open(path) as file:
            lines = [line.split(' ', 2) for line in file.read().splitlines()]
        os.unlink(path)
        if len({pid for pid, _, _ in lines}) > 1:
            raise WayError('calls of more than one process')
        return [call for _, _, call in lines]

    def disk_of(self, call):
        """The directory that is full when this call finds no room."""
        path = call.split(' ')[1]
        for site in 'ab':
            log = os.path.join(self.root, site, 'log')
            if path == log or path.startswith(log + '/'):
                return log
        part = os.path.relpath(path, self.root).split('/')[0]
        return self.root if part in ('.', '..') else \
            os.path.join(self.root, part)

    def put_back_stick(self):
        """If it was pulled out: nothing may lie where it was."""
        if os.path.exists(self.stick + '.pulled'):
            written = os.listdir(self.stick)
            if written:
                raise WayError('written where the medium was: %s' % written)
            os.rmdir(self.stick)
            os.rename(self.stick + '.pulled', self.stick)

    def is_mail(self, call):
        """Is it one in a mail store?"""
        return any(root and root + '/' in call + '/'
                   for shape in self.shapes.values()
                   for root in (shape.root, shape.control, shape.index))

    def around(self, trip):
        for step in STEPS if trip != 'begin' else ():
            self.step(step)

    def go_on(self, name, done=False):
        """From where it was stopped, or from what is done, to the end, and
        once more around."""
        _, trip, stopped = self.find(name)
        steps = TRIPS[trip]
        at = [step.name for step in steps].index(stopped.name)
        for step in steps[at + done:]:
            self.step(step, stopped=step.name == stopped.name)
            if step.name != stopped.name:
                continue
            left = following.done_by(self, step)
            if left != self.done[name]:
                raise WayError('not done by the next run:\n' + '\n'.join(
                    difflib.unified_diff(
                        pprint.pformat(self.done[name]).splitlines(),
                        pprint.pformat(left).splitlines(), n=0,
                        lineterm='')))
        self.around(trip)

    def wrong(self, trip):
        """What is not as it should be at the end of a trip."""
        return endstate.of(self).wrong(self.ends[trip])

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
