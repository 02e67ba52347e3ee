#!/usr/bin/env python3
"""packetboat-writer --follow as a service: says that it is ready, logs within
a second, says a complaint once, costs nothing while it waits, ends when told.
No mail server is needed."""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BIN = os.environ['PB_BIN']
PATIENCE = 30     # far from the five minutes after which all is looked at
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Scene:
    def __init__(self):
        self.root = tempfile.mkdtemp(prefix='packetboat-daemon-')
        self.config = os.path.join(self.root, 'conf')
        self.log_path = os.path.join(self.root, 'said')
        self.child = None
        with open(self.config, 'w') as file:
            file.write('site "a" { state = "%s/state" }\n'
                       'accounts { maildir = "%s/mail/%%n" }\n'
                       % (self.root, self.root))
        os.mkdir(os.path.join(self.root, 'mail'))
        self.run('packetboat', 'init')

    def run(self, program, *args):
        done = subprocess.run([os.path.join(BIN, program), '-c', self.config,
                               *args], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert done.returncode == 0, '%s: exit %d: %s' % (
            program, done.returncode, done.stderr)
        return done

    def account(self, name):
        path = os.path.join(self.root, 'mail', name)
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(path, sub))
        return path

    def mail(self, path, base, body=None):
        tmp = os.path.join(path, 'tmp', base)
        with open(tmp, 'w') as file:
            file.write(body or 'Subject: %s\n\n' % base)
        os.rename(tmp, os.path.join(path, 'cur', base + ':2,'))

    def follow(self, *args, env=None):
        said = open(self.log_path, 'w')
        self.child = subprocess.Popen(
            [os.path.join(BIN, 'packetboat-writer'), '-c', self.config,
             '--follow', *args], stderr=said, env=env)
        said.close()

    def said(self):
        with open(self.log_path) as file:
            return file.read()

    def logged(self, account):
        """The lines of changes in an account's logs."""
        files = []
        top = os.path.join(self.root, 'state', 'log', account)
        for directory, _, names in os.walk(top):
            files += [os.path.join(directory, n) for n in names
                      if n.endswith('.changes')]    # not one being made
        if not files:
            return ''
        return self.run('packetboat', 'log', *sorted(files)).stdout

    def wait(self, what, seconds, why):
        end = time.monotonic() + seconds
        while not what():
            assert self.child.poll() is None, 'it ended: ' + self.said()
            assert time.monotonic() < end, '%s:\n%s' % (why, self.said())
            time.sleep(0.02)

    def cpu(self):
        with open('/proc/%d/stat' % self.child.pid) as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(10)
        assert code == 0, 'it ended with %d: %s' % (code, self.said())

    def close(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.root, ignore_errors=True)


@check
def it_says_that_it_is_ready_and_ends_when_told(scene):
    scene.account('alice')
    path = os.path.join(scene.root, 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        scene.follow(env={**os.environ, 'NOTIFY_SOCKET': path})
        first = manager.recv(4096).decode()
        assert 'READY=1' in first and 'following 1 account' in first, first
        scene.stop()
        assert manager.recv(4096) == b'STOPPING=1'


@check
def what_is_renamed_or_removed_is_in_the_log_a_second_later(scene):
    """Mostly: a machine that stands still proves nothing."""
    mail = scene.account('alice')
    scene.mail(mail, 'one')
    scene.follow()
    scene.wait(lambda: '"one"' in scene.logged('alice'), PATIENCE,
               'not logged')
    time.sleep(3)   # nothing is due any more
    took = []

    def comes(word, times=1):
        start = time.monotonic()
        scene.wait(lambda: scene.logged('alice').count(word) == times,
                   PATIENCE, 'not logged: ' + word)
        took.append(time.monotonic() - start)
    for number in range(5):
        scene.mail(mail, 'm%d' % number)
        comes('"m%d"' % number)
        os.rename(os.path.join(mail, 'cur', 'm%d:2,' % number),
                  os.path.join(mail, 'cur', 'm%d:2,S' % number))
        comes(' +S', number + 1)
    os.unlink(os.path.join(mail, 'cur', 'm0:2,S'))
    comes(' expunge ')
    assert statistics.median(took) < 1, took
    scene.stop()


@check
def a_new_folder_is_followed_like_the_others(scene):
    mail = scene.account('alice')
    scene.mail(mail, 'one')
    scene.follow()
    scene.wait(lambda: '"one"' in scene.logged('alice'), PATIENCE,
               'not logged')
    folder = os.path.join(mail, '.Work')
    for sub in ('', 'tmp', 'new', 'cur'):
        os.mkdir(os.path.join(folder, sub))
        time.sleep(0.05)
    scene.wait(lambda: '"Work"' in scene.logged('alice'), PATIENCE,
               'no folder')
    time.sleep(3)
    scene.mail(folder, 'two')
    scene.wait(lambda: '"two"' in scene.logged('alice'), PATIENCE,
               'not followed')
    scene.stop()


@check
def folders_that_go_and_come_again_are_followed(scene):
    mail = scene.account('alice')
    make_folders(mail, 1)
    folder, other = (os.path.join(mail, name) for name in ('.F00', '.Other'))

    def comes(path, *bases):
        for base in bases:
            scene.mail(path, base)
            scene.wait(lambda: '"%s"' % base in scene.logged('alice'),
                       PATIENCE, 'the mail %s in %s' % (base, path))

    scene.follow()
    comes(folder, 'one')
    quiet()
    os.rename(folder, other)
    comes(other, 'two')
    quiet()
    comes(other, 'three')
    shutil.rmtree(other)
    scene.wait(lambda: ' delete ' in scene.logged('alice'), PATIENCE,
               'the folder is there')
    make_folders(mail, 1)
    comes(folder, 'four')
    quiet()
    comes(folder, 'five')
    scene.stop()


def quiet():
    """Nothing is due any more, and what comes is told by events alone."""
    time.sleep(3)


def few(**limits):
    """The environment of a process that may watch little."""
    return {**os.environ, 'LD_PRELOAD': os.environ['FEWWATCHES'],
            'ASAN_OPTIONS': 'verify_asan_link_order=0', **limits}


def make_folders(mail, count):
    for number in range(count):
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(mail, '.F%02d' % number, sub))


@check
def more_folders_than_can_be_watched_are_followed_all_the_same(scene):
    mail = scene.account('alice')
    make_folders(mail, 30)      # 93 watches
    scene.follow(env=few(FEW_WATCHES='20'))
    scene.wait(lambda: '"F29"' in scene.logged('alice'), PATIENCE,
               'not logged')
    quiet()
    assert scene.said().count('not all folders can be watched') == 1, \
        scene.said()
    for number in (0, 29):
        folder = os.path.join(mail, '.F%02d' % number)
        scene.mail(folder, 'm%d' % number)
        scene.wait(lambda: '"m%d"' % number in scene.logged('alice'), 30,
                   'the mail in %s' % folder)
        quiet()
        before = scene.logged('alice').count(' +F')
        os.rename(os.path.join(folder, 'cur', 'm%d:2,' % number),
                  os.path.join(folder, 'cur', 'm%d:2,F' % number))
        scene.wait(lambda: scene.logged('alice').count(' +F') > before, 30,
                   'the flag in %s' % folder)
    before = scene.cpu()
    time.sleep(5)
    assert scene.cpu() - before < 0.5, 'CPU: %s' % (scene.cpu() - before)
    assert scene.said().count('not all folders can be watched') == 1, \
        scene.said()
    scene.stop()


@check
def an_account_that_cannot_be_watched_at_all_is_followed_too(scene):
    alice, bob = scene.account('alice'), scene.account('bob')
    scene.follow(env=few(FEW_INSTANCES='1'))
    scene.wait(lambda: 'not all folders can be watched' in scene.said(), 10,
               'no word of it')
    quiet()
    for name, mail in (('alice', alice), ('bob', bob)):
        scene.mail(mail, 'one')
        scene.wait(lambda: '"one"' in scene.logged(name), 30, name)
    scene.stop()


@check
def changes_whose_events_the_kernel_dropped_are_found(scene):
    with open('/proc/sys/fs/inotify/max_queued_events') as file:
        room = int(file.read())
    assert room <= 200000, 'such a queue takes too long to fill: %d' % room
    mail = scene.account('alice')
    make_folders(mail, 2)
    scene.mail(mail, 'one')
    scene.follow()
    scene.wait(lambda: '"one"' in scene.logged('alice'), PATIENCE,
               'not logged')
    quiet()
    scene.child.send_signal(signal.SIGSTOP)
    try:
        # Of names with a dot no look follows, and two that are not alike
        # are not taken together.
        for number in range(room // 2 + 10):
            path = os.path.join(mail, 'cur', '.x%d' % (number % 2))
            os.close(os.open(path, os.O_CREAT, 0o600))
            os.unlink(path)
        scene.mail(os.path.join(mail, '.F01'), 'two')
        os.rename(os.path.join(mail, 'cur', 'one:2,'),
                  os.path.join(mail, 'cur', 'one:2,S'))
    finally:
        scene.child.send_signal(signal.SIGCONT)
    scene.wait(lambda: '"two"' in scene.logged('alice') and
               ' +S' in scene.logged('alice'), PATIENCE, 'lost')
    scene.stop()


@check
def a_guarded_folder_is_complained_of_once_and_costs_little(scene):
    mail = scene.account('alice')
    for number in range(150):
        scene.mail(mail, 'm%03d' % number)
    scene.follow()
    scene.wait(lambda: scene.logged('alice').count(' save ') == 150, 20,
               'not imported')
    time.sleep(2)
    for number in range(120):
        os.unlink(os.path.join(mail, 'cur', 'm%03d:2,' % number))
    scene.wait(lambda: 'guard accept alice INBOX' in scene.said(), PATIENCE,
               'no complaint')
    before = scene.cpu()
    time.sleep(6)
    assert scene.cpu() - before < 0.3, 'CPU: %s' % (scene.cpu() - before)
    assert scene.said().count('guard accept') == 1, scene.said()
    assert ' expunge ' not in scene.logged('alice')
    scene.run('packetboat', 'guard', 'accept', 'alice', 'INBOX')
    os.rename(os.path.join(mail, 'cur', 'm140:2,'),
              os.path.join(mail, 'cur', 'm140:2,S'))
    scene.wait(lambda: scene.logged('alice').count(' expunge ') == 120,
               PATIENCE, 'accepted, but not logged')
    scene.stop()


@check
def a_stopped_account_is_complained_of_once_beside_others(scene):
    alice, bob = scene.account('alice'), scene.account('bob')
    scene.mail(alice, 'one')
    scene.follow()
    scene.wait(lambda: '"one"' in scene.logged('alice'), PATIENCE,
               'not logged')
    marker = os.path.join(alice, 'cur', '.packetboat')
    os.rename(marker, os.path.join(scene.root, 'aside'))
    scene.mail(alice, 'two')
    scene.wait(lambda: 'lost its marker' in scene.said(), PATIENCE,
               'no complaint')
    scene.mail(alice, 'three')
    scene.mail(bob, 'four')     # it waits for a UID
    scene.wait(lambda: '"four"' in scene.logged('bob'), PATIENCE, 'bob waits')
    assert '"two"' not in scene.logged('alice')
    assert scene.said().count('lost its marker') == 1, scene.said()
    scene.stop()


@check
def another_run_may_look_beside_it(scene):
    mail = scene.account('alice')
    scene.follow()
    for number in range(10):
        scene.mail(mail, 'm%d' % number)
        scene.run('packetboat-writer', '--once', '-q')
    scene.wait(lambda: scene.logged('alice').count(' save ') == 10, PATIENCE,
               'not all logged once')
    scene.stop()


@check
def several_runs_may_make_the_state_at_once(scene):
    scene.mail(scene.account('alice'), 'one')
    for _ in range(10):
        for part in ('accounts', 'log'):
            shutil.rmtree(os.path.join(scene.root, 'state', part),
                          ignore_errors=True)
        runs = [subprocess.Popen([os.path.join(BIN, 'packetboat-writer'),
                                  '-q', '-c', scene.config],
                                 stderr=subprocess.PIPE) for _ in range(4)]
        for run in runs:
            said = run.communicate()[1]
            assert run.returncode == 0, said
        assert scene.logged('alice').count(' save ') == 1


@check
def doing_nothing_costs_nothing(scene):
    for name in ('alice', 'bob', 'carol'):
        scene.mail(scene.account(name), 'one')
    scene.follow()
    scene.wait(lambda: '"one"' in scene.logged('carol'), PATIENCE,
               'not logged')
    time.sleep(4)
    before = scene.cpu()
    time.sleep(5)
    assert scene.cpu() - before <= 0.02, 'CPU: %s' % (scene.cpu() - before)
    scene.stop()


def main():
    failed = 0
    for function in CHECKS:
        if len(sys.argv) > 1 and function.__name__ not in sys.argv[1:]:
            continue
        scene = Scene()
        try:
            function(scene)
            print('ok', function.__name__, flush=True)
        except Exception as error:  # noqa: BLE001: told, and the next one
            failed += 1
            print('FAILED', function.__name__, repr(error), flush=True)
        finally:
            scene.close()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
