#!/usr/bin/env python3
"""What replication removed is listed and put back: by id, folder and time, once,
with its flags and date, and is new mail for the writer."""

import json
import os
import signal
import subprocess
import sys
import time

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def pair(sites):
    a, b = sites.two()
    for site in (a, b):
        site.accounts = 'account "alice" { maildir = "%s" guard = "100%%" }' % \
            site.mail
        site.write_config()
        site.folder()
    return a, b


def bring(a, b):
    a.run('sync')
    b.run('sync')


def listed(site, *args):
    return json.loads(site.run('trash', 'list', '--json', *args))


def bases(site, name=''):
    return sorted(site.base(f) for f in site.files(name))


def body(subject, sender='Ann <ann@example.org>'):
    return 'From: %s\nSubject: %s\n\n%s\n' % (sender, subject, subject * 9)


@check
def what_was_expunged_comes_back_as_it_was(sites):
    a, b = pair(sites)
    for base, flags in (('m1', 'FS'), ('m2', ''), ('m3', 'S')):
        a.save(base, flags=flags, body=body('About ' + base))
    os.utime(a.path_of('m1'), (1000000000, 1000000000))
    bring(a, b)
    assert b.run('trash', 'list') == 'nothing is in the trash\n'
    assert listed(b) == []
    a.expunge('m1')
    a.expunge('m2')
    bring(a, b)
    assert bases(b) == ['m3']
    assert a.run('trash', 'list') == 'nothing is in the trash\n'
    m1, m2 = sorted(listed(b), key=lambda mail: mail['subject'])
    assert (m1['subject'], m1['from'], m1['folder'], m1['flags'],
            m1['account']) == ('About m1', 'Ann <ann@example.org>', 'INBOX',
                               'FS', 'alice'), m1
    assert abs(m1['removed_ms'] / 1000 - time.time()) < 60
    text = b.run('trash', 'list', 'alice')
    assert 'INBOX  Ann <ann@example.org>: About m2\n' in text, text
    assert m2['id'][:10] in text and text.startswith('account alice\n')

    b.run('trash', 'restore', '--dry-run', 'alice', m1['id'][:10])
    b.says('folder INBOX: 1 would be restored')
    assert bases(b) == ['m3']
    b.run('trash', 'restore', 'alice', m1['id'][:10])
    b.says('folder INBOX: 1 restored', 'its home is another site')
    assert bases(b) == ['m1', 'm3']
    assert b.path_of('m1').endswith('/cur/m1:2,FS')
    assert os.stat(b.path_of('m1')).st_mtime == 1000000000
    assert [mail['id'] for mail in listed(b)] == [m2['id']]
    # New mail: nobody's expunge of the old one concerns it.
    before = b.log().count(' save ')
    b.line('m1')
    b.run('write')
    assert b.log().count(' save ') == before + 1, b.log()
    bring(a, b)
    bring(a, b)
    assert bases(b) == ['m1', 'm3']
    b.run('trash', 'restore', 'alice', m1['id'][:10], code=2)
    b.says('nothing with the ID', 'is in the trash')


@check
def it_is_put_there_once(sites):
    a, b = pair(sites)
    a.save('m1', body=body('one'))
    bring(a, b)
    a.expunge('m1')
    bring(a, b)
    [mail] = listed(b)
    b.save('m1', body=body('one'))      # by hand, as one may
    b.run('trash', 'restore', 'alice', mail['id'])
    b.says('0 restored', '1 lie there already')
    assert bases(b) == ['m1']
    assert len(listed(b)) == 1


@check
def a_folder_that_was_deleted_comes_back_whole(sites):
    a, b = pair(sites)
    a.folder('.Work.2026', guid='b')
    for i in range(120):
        a.save('w%d' % i, '.Work.2026', flags='S' if i % 2 else '')
    a.save('m1')
    bring(a, b)
    subprocess.run(['rm', '-r', os.path.join(a.mail, '.Work.2026')],
                   check=True)
    bring(a, b)
    assert not os.path.exists(os.path.join(b.mail, '.Work.2026'))
    assert len(listed(b, '--folder', 'Work/2026')) == 120
    assert listed(b, '--folder', 'Work') == []
    assert listed(b, '--since', '1h', '--folder', 'Work/2026')
    assert listed(b, '--until', '1h') == []
    assert listed(b, '--since', '2001-01-01', '--until',
                  '2001-12-31 23:59') == []
    b.run('trash', 'restore', '--folder', 'Work/2026', '--until',
          '1h', 'alice', code=2)
    b.says('nothing of that is in the trash')
    b.run('trash', 'restore', '--folder', 'Work/2026', 'alice')
    b.says('folder Work/2026 (made anew): 120 restored')
    assert bases(b, '.Work.2026') == sorted('w%d' % i for i in range(120))
    assert b.path_of('w7', '.Work.2026').endswith('w7:2,S')
    with open(os.path.join(b.mail, 'subscriptions')) as file:
        assert 'Work' in file.read()
    assert listed(b) == []
    assert not os.listdir(os.path.join(b.mail, '.Work.2026', 'tmp'))


@check
def into_another_folder(sites):
    a, b = pair(sites)
    a.folder('.Old', guid='b')
    a.save('m1')
    a.save('o1', '.Old')
    bring(a, b)
    a.expunge('m1')
    a.expunge('o1', '.Old')
    bring(a, b)
    b.run('trash', 'restore', '--since', '1h', '--to', 'Zurück', 'alice')
    b.says('(made anew): 2 restored')
    assert bases(b, '.Zur&APw-ck') == ['m1', 'o1']
    assert bases(b) == [] and bases(b, '.Old') == []


@check
def what_is_wrong_is_said(sites):
    a, b = pair(sites)
    a.save('m1')
    bring(a, b)
    a.expunge('m1')
    bring(a, b)
    for args, word in (
            (('restore', 'alice'), 'usage: packetboat trash'),
            (('restore',), 'usage: packetboat trash'),
            ((), 'usage: packetboat trash'),
            (('list', '--to', 'X'), 'usage: packetboat trash'),
            (('list', 'alice', '12345'), 'usage: packetboat trash'),
            (('list', 'bob'), 'account bob: there is none of that name'),
            (('restore', 'alice', 'xyz'), '"xyz" is no ID'),
            (('restore', 'alice', '0000000000'), 'nothing with the ID'),
            (('list', '--since', 'soon'), 'not a time: "soon"')):
        b.run('trash', *args, code=2)
        b.says(word)
    assert len(listed(b)) == 1


def subjects(site):
    return {mail['subject'] for mail in listed(site)}


@check
def a_kill_loses_nothing_and_doubles_nothing(sites):
    shim = os.environ.get('FAULTSHIM')
    if not shim:
        return  # not beside a sanitizer
    a, b = pair(sites)
    for base in ('m1', 'm2'):
        a.save(base, flags='S', body=body(base))
    bring(a, b)
    for base in ('m1', 'm2'):
        a.expunge(base)
    bring(a, b)
    command = [os.path.join(plainsites.BIN, 'packetboat'), '-c', b.config,
               'trash', 'restore', '--since', '1h', 'alice']
    number, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL and len(subjects(b)) == 2:
        for base in bases(b):   # as before the kill
            os.unlink(b.path_of(base))
        number += 4     # a dead one's lock is waited for, 2 s
        code = subprocess.run(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, LD_PRELOAD=shim, FAULT_KIND='kill',
                     FAULT_AT=str(number))).returncode
        assert len(set(bases(b))) == len(bases(b)), b.files()
        assert set(bases(b)) | subjects(b) == {'m1', 'm2'}, number
    assert number > 10, number
    subprocess.run(command, stderr=subprocess.DEVNULL)
    assert bases(b) == ['m1', 'm2']


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
