"""A step of the way (way.py) done by a daemon, in which a call fails once, or
all fail for a while: it has to go on by itself."""

import os
import shutil
import signal
import socket
import subprocess
import time

import endstate
import mailmaker
import way

GO_ON_SECONDS = 30
END_SECONDS = 10
FAULT_SECONDS = 0.5     # of what lasts for a while
AGAIN_SECONDS = 0.3     # between two words to look again


class Daemon:
    """A program with --follow, as a context."""

    def __init__(self, w, name, fault):
        self.w = w
        _, _, self.step = w.find(name)
        self.said = os.path.join(w.directory, 'said')
        self.until = os.path.join(w.directory, 'fault')
        self.notify = os.path.join(w.directory, 'notify')
        self.fault = dict(fault, FAULT_WHILE=self.until,
                          FAULT_PROGRAM=self.step.program,
                          NOTIFY_SOCKET=self.notify)

    def __enter__(self):
        open(self.until, 'w').close()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(self.notify)
        self.manager.settimeout(END_SECONDS)
        with open(self.said, 'w') as said:
            self.child = subprocess.Popen(
                [os.path.join(self.w.bin, self.step.program), '-c',
                 self.w.config(self.step.site), '--follow',
                 *self.w.arguments(self.step)],
                env=dict(os.environ, LC_ALL='C.UTF-8', **self.fault),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.w.put_back_stick()
        self.manager.close()
        for path in (self.notify, self.until):
            if os.path.exists(path):
                os.unlink(path)

    def ready(self):
        """None, or what is wrong."""
        try:
            while 'READY=1' not in self.manager.recv(4096).decode():
                pass
        except socket.timeout:
            return 'is not ready'
        return None

    def goes_on(self, done):
        """Until it has done its step; told now and then to look again."""
        start = time.monotonic()
        while self.is_pulled_out() or not done():
            now = time.monotonic()
            if self.child.poll() is not None:
                return 'ended with %d' % self.child.returncode
            if now > start + GO_ON_SECONDS:
                return 'does not go on'
            if now > start + FAULT_SECONDS and os.path.exists(self.until):
                os.unlink(self.until)
                self.w.put_back_stick()
            self.nudge()
            time.sleep(AGAIN_SECONDS)
        return None

    def is_pulled_out(self):
        """Then what it was to take away seems to be gone."""
        return os.path.exists(self.w.stick + '.pulled')

    def nudge(self):
        """A server has changed something, or somebody says: look again."""
        if self.step.program != way.WRITER:
            self.child.send_signal(signal.SIGHUP)
            return
        names = self.w.shapes[self.step.site].subscriptions()
        shutil.copy2(names, names + '.t')
        os.rename(names + '.t', names)

    def ends(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return 'does not end when told to'
        return 'ended with %d' % code if code else None

    def said_twice(self):
        """Errors that were told again and again."""
        lines = [line for line in self.words().split('\n')
                 if 'error: ' in line]
        twice = sorted({line for line in lines if lines.count(line) > 1})
        return 'said again and again: ' + '; '.join(twice) if twice else None

    def words(self):
        with open(self.said) as file:
            return file.read().strip()


def done_by(w, step):
    """What a step changes: equal when it is done."""
    if step.program == way.SHIPPER:
        # A bundle that nobody recorded is handed over again, and half of one
        # that was removed lies there until its sender comes.
        return {os.path.splitext(line)[1] + os.path.dirname(line)
                for line in endstate.tree(w.root, endstate.Ids())
                if line.endswith(('.whole', '.parcel'))}
    try:
        look = mailmaker.look(w.shapes[step.site])
    except (OSError, ValueError, mailmaker.Twice):
        look = None     # it is at work on it
    text = endstate.logs(w, step.site)
    ids = endstate.Ids()
    ids.learn(text)
    logged = endstate.changes(text, ids)
    return mail_of(look), logged


def mail_of(look):
    """But for a UIDVALIDITY of the clock, and UIDs that were burnt."""
    return look and {
        name: {base: message[1:] for base, message in folder.messages.items()}
        for name, folder in look[0].items()}, look and look[1]


def follow(w, name, fault):
    """None or what is wrong, and what the daemon said."""
    _, _, step = w.find(name)
    with Daemon(w, name, fault) as daemon:
        said = daemon.ready() or \
            daemon.goes_on(lambda: done_by(w, step) == w.done[name]) or \
            daemon.ends() or daemon.said_twice()
        return said, daemon.words()
