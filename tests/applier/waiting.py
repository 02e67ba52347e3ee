#!/usr/bin/env python3
"""`packetboat wait` ends when so many peers hold what was logged when it was
called: mail included, and nothing that came later."""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import manual                   # noqa: E402
import plainsites               # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def pair(sites):
    a, b = sites.two()
    a.folder()
    b.folder()
    return a, b


def waits(site, *args):
    site.run('wait', '--timeout', '1s', *args, code=4)


def ends(site, *args):
    site.run('wait', '--timeout', '60s', *args)


@check
def what_is_acknowledged_is_held(sites):
    a, b = pair(sites)
    a.save('m1')
    a.run('wait', '1', 'alice', code=2)
    a.says('nothing was logged yet')
    a.run('write')
    for args in (('1', 'alice'), ('1', 'alice', 'INBOX'),
                 ('--applied', '1', 'alice')):
        waits(a, *args)
        a.says('0 of 1 peers have', 'not yet: b')
    a.run('ship')
    b.run('sync')
    waits(a, '1', 'alice')
    a.run('sync')
    ends(a, '1', 'alice')
    ends(a, '1', 'alice', 'INBOX')
    # What was placed there it says with its next word.
    b.run('sync')
    a.run('sync')
    ends(a, '--applied', '1', 'alice', 'INBOX')


@check
def what_comes_later_is_not_waited_for(sites):
    a, b = pair(sites)
    a.save('m1')
    a.run('write')
    a.run('ship')
    child = subprocess.Popen(
        [os.path.join(plainsites.BIN, 'packetboat'), '-v', '-c', a.config,
         'wait', '1', 'alice'], stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    try:
        assert 'waiting for b' in child.stderr.readline()
        a.save('m2')
        a.run('write')
        b.run('sync')
        a.run('ship')
        a.run('apply')
        assert child.wait(60) == 0
        a.save('m3')
        a.run('write')
        waits(a, '1', 'alice')
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


@check
def a_body_that_is_held_back_is_not_there(sites):
    a, b = pair(sites)
    held_link(a)
    a.save('small')
    a.save('large', body='Subject: large\n\n' + 'x' * 5000 + '\n')
    a.run('write')
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    a.run('sync')
    waits(a, '1', 'alice', 'INBOX')
    a.says('not yet: b')
    [line] = [line for line in a.run('held').splitlines() if 'alice' in line]
    a.run('held', 'release', 'b', line.split()[0])
    for _ in range(2):
        a.run('sync')
        b.run('sync')
    a.run('sync')
    ends(a, '1', 'alice', 'INBOX')


def held_link(site):
    """Its one link holds mail of more than 1 KiB back."""
    head, via = site.more.rsplit(' via = ', 1)
    site.more = '%s link "x" { via = %s hold = "1K" }\n}\n' % (
        head, via.strip().rstrip('}').strip())
    site.write_config()


@check
def what_nobody_can_say_is_refused(sites):
    a, b = pair(sites)
    a.save('m1')
    a.run('sync')
    b.run('sync')
    for args, word in (
            ((), 'usage: packetboat wait'),
            (('0', 'alice'), 'usage: packetboat wait'),
            (('one', 'alice'), 'usage: packetboat wait'),
            (('--timeout', 'soon', '1', 'alice'), 'not a duration'),
            (('1', 'bob'), 'account bob: there is none of that name'),
            (('2', 'alice'), '1 peers can say that they have it, not 2'),
            (('1', 'alice', 'Nowhere'), 'there is no folder "Nowhere"')):
        a.run('wait', *args, code=2)
        a.says(word)
    b.run('wait', '1', 'alice', 'INBOX', code=2)
    b.says('folder INBOX: its home is another site')


LDA = """#!/bin/sh
cat > "%(mail)s/tmp/$1$2" && mv "%(mail)s/tmp/$1$2" "%(mail)s/new/%(base)s"
echo delivered >> %(count)s
"""


def script(path, text):
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, 0o755)


@check
def the_delivery_of_the_manual_promises_what_two_sites_hold(sites):
    a, b = pair(sites)
    lda, notes, deliver, count = (a.path(name) for name in (
        'lda', 'notes', 'deliver', 'count'))
    os.mkdir(notes)
    script(lda, LDA % {'mail': a.mail, 'base': 'promised', 'count': count})
    script(deliver, manual.filled(manual.the(manual.setup(
        'A mail that is promised when two sites hold it'), '#!/bin/sh'), {
            '/usr/lib/dovecot/dovecot-lda': lda,
            '/var/lib/packetboat-deliver': notes,
            '60s': '5s'}))
    env = dict(os.environ, PACKETBOAT_CONF=a.config, PATH='%s:%s' % (
        plainsites.BIN, os.environ['PATH']))

    def postfix():
        child = subprocess.Popen([deliver, 'alice', '4Xz'], env=env, text=True,
                                 stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write('Subject: promised\n\nBody\n')
        child.stdin.close()
        return child

    def ended(child):
        said = child.stderr.read()
        child.stderr.close()
        return child.wait(60), said

    a.line('promised')
    code, said = ended(postfix())
    assert code == 75 and 'not yet: b' in said, (code, said)
    assert os.listdir(notes) == ['4Xz.alice']
    child = postfix()
    end = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < end:
        a.run('sync', code=None)
        b.run('sync', code=None)
    code, said = ended(child)
    assert code == 0, said
    assert os.listdir(notes) == []
    with open(count) as file:
        assert file.read() == 'delivered\n'
    assert [b.base(f) for f in b.files()] == ['promised']


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
