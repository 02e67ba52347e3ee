"""Two sites, a directory between them, and the whole way of mail from one
Maildir to the other, a program at a time: to be stopped anywhere.

    first   an existing Maildir is replicated for the first time
    second  every kind of change that a user makes, on top of it
"""

import os
import re
import subprocess

import mailmaker
from snapshot import Snapshot

RUN_SECONDS = 60
LATER = 4           # the exit code of "come again"
LATER_TRIES = 3

# (step, site, program)
STEPS = (
    ('write', 'a', 'packetboat-writer'),
    ('ship', 'a', 'packetboat-shipper'),
    ('collect', 'b', 'packetboat-shipper'),
    ('apply', 'b', 'packetboat-applier'),
    ('acknowledge', 'b', 'packetboat-shipper'),
    ('hear', 'a', 'packetboat-shipper'),
    ('settle', 'a', 'packetboat-applier'),
)
TRIPS = ('first', 'second')
ALL_STEPS = [trip + '.' + step for trip in TRIPS for step, _, _ in STEPS]

# What no program may leave when all is quiet.
LEFTOVER = re.compile(
    r'(\.tmp|\.part|\.parcel|\.body|\.pb|\.ok|\.lock\.[^/]*|/refused/.*'
    r'|/tmp/[^/]+|dovecot-[a-z]*\.lock|subscriptions\.lock'
    r'|/\.packetboat/(build|moving)/.+)$')
TRASH = '/.packetboat/trash/'    # goes as a whole, with what is in it

# Lines of `packetboat log`.
CHANGE = re.compile(r'  \d+ \S+ (?!statement)')
OWN_INBOX = re.compile(r' folder 494e424f58[0-9a-f]* "INBOX"$')


class WayError(Exception):
    pass


class Way:
    """A pair of sites below `directory`, which must not be there."""

    def __init__(self, directory, seed):
        self.directory = directory
        self.root = os.path.join(directory, 'work')
        self.bin = os.environ['PB_BIN']
        self.snapshots = {}     # by step: as it is before it
        self.looks = {}         # by trip: the source's mail
        self.calls = {}         # by step: its file-changing calls
        self.own = {}           # by trip: the target's own changes
        os.makedirs(os.path.join(self.root, 'stick'))
        self._configure()
        self.source = mailmaker.Maker(os.path.join(self.root, 'am'), seed)
        os.mkdir(os.path.join(self.root, 'bm'))

    def _configure(self):
        blocks = {}
        for site in 'ab':
            blocks[site] = ('site "%s" { state = "%s/%s" }\n'
                            'account "alice" { maildir = "%s/%sm" }\n'
                            % (site, self.root, site, self.root, site))
            self._write_config(site, blocks[site])
            self.run('packetboat', site, 'init')
        self.run('packetboat', 'a', 'media', 'init', self.root + '/stick')
        for site, other in ('ab', 'ba'):
            key = self.run('packetboat', other, 'key').stdout.split('\n')
            key = [line for line in key if line][-1].strip()
            self._write_config(site, blocks[site] + (
                'peer "%s" { key = "%s" via = "dir:%s/stick" }\n'
                % (other, key, self.root)))

    def config(self, site):
        return os.path.join(self.directory, site + '.conf')

    def _write_config(self, site, text):
        with open(self.config(site), 'w') as file:
            file.write(text)

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

    def run(self, program, site, *args):
        done = self.start(program, site, *args)
        for _ in range(LATER_TRIES):
            if done.returncode != LATER:
                break
            done = self.start(program, site, *args)
        if done.returncode:
            raise WayError('%s at %s: exit %d: %s%s' % (
                ' '.join((program,) + args), site, done.returncode,
                done.stdout, done.stderr))
        return done

    def step(self, name, fault=None):
        """One step, as it is; with a fault: whatever becomes of it."""
        for step, site, program in STEPS:
            if step != name.split('.')[1]:
                continue
            if fault:
                return self.start(program, site, fault=dict(
                    fault, FAULT_PROGRAM=program))
            return self.run(program, site)
        raise KeyError(name)

    def check(self, site):
        self.run('packetboat', site, 'check')

    # The situation.

    def fill(self):
        """What lies in the Maildir before anything is replicated."""
        s = self.source
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

    def change(self):
        s, inbox = self.source, self.inbox
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

    def prepare(self, shim, wanted=ALL_STEPS):
        """Runs the whole way undisturbed, keeps what lies before each
        step, and counts the calls of those that are wanted."""
        log = os.path.join(self.directory, 'calls')
        for trip in TRIPS:
            if trip == 'first':
                self.fill()
            else:
                self.change()
            self.looks[trip] = mailmaker.look(self.source.root)
            for step, _, _ in STEPS:
                name = trip + '.' + step
                if name in wanted:
                    self.snapshots[name] = Snapshot(
                        self.root, os.path.join(self.directory, name))
                    done = self.step(name, {
                        'LD_PRELOAD': shim, 'FAULT_KIND': 'count',
                        'FAULT_LOG': log})
                    if done.returncode:
                        raise WayError('%s: exit %d: %s' % (
                            name, done.returncode, done.stderr))
                    self.calls[name] = calls_of(log)
                else:
                    self.step(name)
            self.around()
            self.own[trip] = self.own_changes()
            said = self.wrong(trip)
            if said:
                raise WayError('undisturbed, the %s trip: %s'
                               % (trip, '; '.join(said)))

    def around(self):
        for step, _, _ in STEPS:
            self.step('again.' + step)

    def go_on(self, name):
        """From where it was stopped to the end, and once more around."""
        trip, stopped = name.split('.')
        steps = [step for step, _, _ in STEPS]
        for step in steps[steps.index(stopped):]:
            self.step(trip + '.' + step)
        self.around()

    # What it should be like.

    def own_changes(self):
        """What the target logged as made there.  But for its INBOX: if
        nothing was received yet, that is its own."""
        lines = []
        for directory, _, names in os.walk(self.root + '/b/log'):
            for name in names:
                if name.endswith('.changes'):
                    lines += self.run(
                        'packetboat', 'b', 'log',
                        os.path.join(directory, name)).stdout.split('\n')
        return sorted(line for line in lines if CHANGE.match(line) and
                      not OWN_INBOX.search(line))

    def leftovers(self):
        found = []
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(directory, name)[len(self.root):]
                if LEFTOVER.search(path) and TRASH not in path:
                    found.append(path)
        return sorted(found)

    def wrong(self, trip):
        """What is not as it should be at the end of a trip."""
        said = []
        try:
            source = mailmaker.look(self.source.root)
            said += ['source changed: ' + line for line in
                     mailmaker.differences(self.looks[trip], source)]
            said += mailmaker.differences(
                source, mailmaker.look(self.root + '/bm'))
        except (OSError, ValueError, mailmaker.Twice) as error:
            said.append('%s: %s' % (type(error).__name__, error))
        said += ['left over: ' + path for path in self.leftovers()]
        said += ['logged by the target: ' + line
                 for line in self.own_changes()
                 if line not in self.own[trip]]
        for site in 'ab':
            done = self.start('packetboat', site, 'check')
            if done.returncode:
                said.append('check at %s: exit %d: %s' % (
                    site, done.returncode, done.stdout))
        return said


def calls_of(log):
    """The calls of the process that a log is about; the log is removed."""
    with open(log) as file:
        lines = [line.split(' ', 2) for line in file.read().splitlines()]
    os.unlink(log)
    pids = {pid for pid, _, _ in lines}
    if len(pids) > 1:
        raise WayError('calls of more than one process: %s' % log)
    return [call for _, _, call in lines]
