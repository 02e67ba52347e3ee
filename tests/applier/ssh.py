#!/usr/bin/env python3
"""Sites that reach their carrier, or each other, as an admin's would: the real
rsync over the real ssh, and a live link over it, to an sshd of the test's own
on loopback."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'support'))
import plainsites
from sshserver import SSHD, Server

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
def mail_goes_over_ssh_and_waits_while_the_server_is_down(sites):
    place = os.path.join(sites.top, 'place')
    os.mkdir(place)
    server = Server(sites.top)
    try:
        a, b = sites.site('a'), sites.site('b')
        for site, other in ((a, b), (b, a)):
            site.peer(other, 'rsync:hub:' + place)
        a.run('media', 'init', 'rsync:hub:' + place)
        a.folder()
        a.save('one')
        a.run('sync')
        b.run('sync')
        assert b.files() == ['one:2,'], b.files()
    finally:
        server.stop()
    a.save('two')
    a.run('sync', code=4)
    a.says('hub:', 'Connection refused')
    sites.top, top = os.path.join(sites.top, 'again'), sites.top
    os.mkdir(sites.top)
    server = Server(sites.top)
    try:
        a.run('sync')
        b.run('sync')
    finally:
        server.stop()
        sites.top = top
    assert sorted(b.files()) == ['one:2,', 'two:2,'], b.files()


@check
def a_live_link_goes_over_ssh(sites):
    server = Server(sites.top)
    try:
        a, b = sites.site('a'), sites.site('b')
        a.peer(b, 'stdio:ssh -F %s hub %s -c %s ship --stdio' % (
            server.path('ssh_config'),
            os.path.join(plainsites.BIN, 'packetboat'), b.config))
        # b cannot call, and need not: it only writes down whom it knows.
        b.more += 'peer "a" { key = "%s" changes = "receive" }\n' % a.key
        b.write_config()
        a.folder()
        a.save('one')
        a.save('large', body='line of the large mail\n' * 100000)
        a.run('sync')
        b.run('apply')
        assert sorted(b.files()) == ['large:2,', 'one:2,'], b.files()
        a.run('sync')
        assert 'has everything' in a.run('status', code=None)
    finally:
        server.stop()
    a.save('two')
    a.run('sync', code=4)
    a.says('the line broke off')


if __name__ == '__main__':
    for program in ('rsync', 'ssh', 'ssh-keygen', SSHD):
        if not shutil.which(program):
            print('skipped: %s is not installed' % program)
            sys.exit(77)
    sys.exit(plainsites.main(CHECKS))
