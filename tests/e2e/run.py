#!/usr/bin/env python3
"""End-to-end tests: real Dovecots, a real mail user, real Packetboat sites.

    run.py CASE [--seed N] [--rounds N] [--ops N]

Exit 0: passed; 1: failed, then the differences, the seed and the directory
(which is kept) are printed; 77: cannot run here, with a line that says why
(where CI=true that is a failure: what CI skips in silence is never tested).
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

import cases
import cases_carriers
import cases_copies
import cases_joined
import cases_kept
import cases_live
import cases_logs
import cases_media
import cases_restored
import cases_scan
import cases_setups
import dovecot as dovecot_module
import packetboat
import selftest
from cases import USER
from dovecot import Dovecot
from randomuser import RandomUser

SKIP = 77
WITHOUT_ROOT = ('unprivileged', 'selftest_unprivileged')

CASES = {**cases.CASES, **cases_carriers.CASES, **cases_copies.CASES,
         **cases_joined.CASES, **cases_kept.CASES, **cases_live.CASES,
         **cases_logs.CASES, **cases_media.CASES, **cases_restored.CASES,
         **cases_scan.CASES, **cases_setups.CASES}

SELF_TESTS = {case.__name__: case for case in (
    selftest.selftest_equal, selftest.selftest_differs,
    selftest.selftest_user, selftest.selftest_unprivileged)}


class Stopped(Exception):
    """Told to stop, or out of time: everything started is ended first."""


def stop_on_signals(seconds):
    def stopped(number, _):
        raise Stopped(signal.Signals(number).name)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, stopped)
    signal.alarm(seconds)


class Case:
    """What one case has open, and its directory."""

    def __init__(self, args, directory):
        self.args = args
        self.top = self.directory = directory
        self.rng = random.Random('case/%s' % args.seed)
        self.dovecots = []
        self.sites = []
        self.users = []
        self.readers = []
        self.sessions = []
        self.parts = 0

    def inner(self):
        """A directory of its own for the next part of a case."""
        self.parts += 1
        self.directory = os.path.join(self.top, str(self.parts))
        os.chmod(self.top, 0o755)   # the mail's owner passes here
        os.mkdir(self.directory)
        return self

    def say(self, text):
        print(text, flush=True)

    def dovecot(self, name, **kwargs):
        dovecot = Dovecot(self.directory, name, **kwargs)
        self.dovecots.append(dovecot)
        return dovecot.start()

    def random_user(self, dovecot, dots=True):
        user = RandomUser(dovecot, USER, self.args.seed, dots=dots)
        self.users.append(user)
        return user

    def reader(self, reader):
        self.readers.append(reader)
        reader.start()
        return reader

    def session(self, imap):
        self.sessions.append(imap)
        return imap

    def trails(self):
        """The last operations of the users, for the failure report."""
        return '\n'.join('%s: ... %s' % (u.user, ' '.join(list(u.trail)[-20:]))
                         for u in self.users)

    def close(self):
        """Ends all of it, even where one end fails; the first failure is
        told when all is done."""
        ends = [r.stop for r in self.readers]
        ends += [s.close for s in self.users + self.sessions]
        ends += [s.stop for s in self.sites]
        ends += [d.end for d in self.dovecots]
        ends += [d.stop for d in self.dovecots]
        self.readers, self.users, self.sessions = [], [], []
        self.sites, self.dovecots = [], []
        first = None
        for end in ends:
            try:
                end()
            except Exception as error:  # noqa: BLE001: told below
                first = first or error
        if first is not None:
            raise first


def why_not(name):
    """Why a case cannot run here, or None."""
    if dovecot_module.missing():
        return dovecot_module.missing()
    if name not in WITHOUT_ROOT and os.geteuid() != 0:
        return 'Dovecot with LMTP has to be started by root'
    if name in CASES and packetboat.missing():
        return packetboat.missing()
    return cases_setups.why_not(name)


def parse(argv):
    parser = argparse.ArgumentParser(
        description='End-to-end tests of Packetboat with real Dovecots.')
    parser.add_argument('case', choices=sorted({**CASES, **SELF_TESTS}))
    parser.add_argument('--seed', type=int,
                        help='default: another one each time, printed')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--ops', type=int, default=150,
                        help='operations a round')
    parser.add_argument('--timeout', type=int, default=0,
                        help='seconds; 0: none')
    args = parser.parse_args(argv)
    if args.seed is None:
        args.seed = time.time_ns() // 1000 % 1000000
    return args


def main(argv):
    args = parse(argv)
    reason = why_not(args.case)
    if reason:
        print('%s: skipped: %s' % (args.case, reason))
        return 1 if os.environ.get('CI') == 'true' else SKIP
    directory = tempfile.mkdtemp(prefix='pb-e2e.')
    print('%s --seed %d --rounds %d --ops %d' % (
        args.case, args.seed, args.rounds, args.ops), flush=True)
    case = Case(args, directory)
    stop_on_signals(args.timeout)
    failed = True
    try:
        {**CASES, **SELF_TESTS}[args.case](case)
        failed = False
    except Exception:
        traceback.print_exc()
        print(case.trails())
    finally:
        signal.alarm(0)
        try:
            case.close()
        except Exception:
            failed = True
            traceback.print_exc()
        if failed:
            print('%s: FAILED with --seed %d; see %s' % (
                args.case, args.seed, directory))
        else:
            shutil.rmtree(directory)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
