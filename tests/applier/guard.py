#!/usr/bin/env python3
"""The guard against what arrives: a mass of expunges by a peer waits for the
operator; all else goes on, and what is not a mass does not wait."""

import os
import shutil
import sys

import plainsites

CHECKS = []
COMMAND = 'packetboat guard accept alice'


def check(function):
    CHECKS.append(function)
    return function


def guarded(sites, more='guard = "50%" guard_least = 4', names=('',)):
    """Two sites; the guard of the second has little patience, that of the
    first none of its own."""
    a, b = sites.two()
    for site, settings in ((a, 'guard = "100%"'), (b, more)):
        site.accounts = 'account "alice" { maildir = "%s" %s }' % (
            site.mail, settings)
        site.write_config()
    for i, name in enumerate(names):
        a.folder(name, guid='abcdef0123'[i])
    b.folder()
    return a, b


def fill(a, count, name='', prefix='m'):
    for i in range(count):
        a.save('%s%d' % (prefix, i), name)


def expunge(a, bases, name=''):
    path = os.path.join(a.mail, name, 'cur')
    for file in os.listdir(path):
        if a.base(file) in bases:
            os.unlink(os.path.join(path, file))
    a.uidlist(name, *(line for line in a.uidlist(name)
                      if line.rsplit(':', 1)[-1] not in bases))


def named(numbers, prefix='m'):
    return ['%s%d' % (prefix, i) for i in numbers]


def move(a, bases, source, target):
    for file in a.files(source):
        if a.base(file) in bases:
            os.rename(os.path.join(a.mail, source, 'cur', file),
                      os.path.join(a.mail, target, 'cur', file))
            a.line(a.base(file), target)


def bring(a, b, code=0):
    """What was done at a comes to b."""
    a.run('sync')
    b.run('sync', code=code)


def waits(site, *folders):
    """(folder, expunges) that wait for the operator."""
    for path, count in folders:
        line = 'folder %s: %d expunges by peers wait' % (path, count)
        assert line in site.said, (line, site.said)
        assert '%s %s)' % (COMMAND, path) in site.said, site.said
    assert site.said.count('by peers wait') == len(folders), site.said
    assert 'by peers wait' in site.run('status', code=3)


def trash(site):
    return [name for where, _, names in os.walk(site.mail)
            if '.packetboat/trash' in where for name in names]


@check
def a_mass_waits_and_all_else_goes_on(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    expunge(a, named(range(6)))
    a.save('new')
    os.rename(os.path.join(a.mail, 'cur', 'm9:2,'),
              os.path.join(a.mail, 'cur', 'm9:2,S'))
    bring(a, b, code=3)
    waits(b, ('INBOX', 6))
    assert len(b.files()) == 11, b.files()
    assert 'm9:2,S' in b.files()
    logged = b.log()
    b.run('write')          # a user here who has it removes nothing
    assert b.log() == logged
    b.run('apply', code=3)
    waits(b, ('INBOX', 6))
    assert '6 expunges by peers wait for the operator' in b.run(
        'status', code=3)
    assert not trash(b)
    b.run('guard', 'accept', 'alice', 'INBOX')
    assert 'the expunges will be done' in b.said
    b.run('apply')
    assert sorted(b.files()) == sorted(a.files())
    assert len(trash(b)) == 6, trash(b)
    b.run('status')
    b.run('guard', 'accept', 'alice', 'INBOX', code=2)
    assert 'no expunges wait there' in b.said
    # That word counts once.
    fill(a, 10, prefix='n')
    bring(a, b)
    expunge(a, named(range(10), 'n'))
    bring(a, b, code=3)
    waits(b, ('INBOX', 10))


@check
def more_adds_up_and_new_mail_makes_it_no_less(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    expunge(a, named(range(6)))
    bring(a, b, code=3)
    fill(a, 30, prefix='n')
    bring(a, b, code=3)
    waits(b, ('INBOX', 6))
    expunge(a, ['m6', 'n7'])
    bring(a, b, code=3)
    waits(b, ('INBOX', 8))
    b.run('guard', 'accept', 'alice')
    b.run('apply')
    assert sorted(b.files()) == sorted(a.files())
    # What was asked for is no part of what comes next.
    expunge(a, named(range(10, 15), 'n'))
    bring(a, b)
    assert sorted(b.files()) == sorted(a.files())


@check
def many_small_parts_are_one_mass(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    for i in range(6):
        expunge(a, ['m%d' % i])
        a.run('write')
        a.run('ship')
    b.run('sync', code=3)
    waits(b, ('INBOX', 6))
    assert len(b.files()) == 10


@check
def parts_that_come_one_by_one_are_one_mass(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    for i in range(5):
        expunge(a, ['m%d' % i])
        bring(a, b)
        assert len(b.files()) == 9 - i
    expunge(a, ['m5'])
    bring(a, b, code=3)
    waits(b, ('INBOX', 1))
    assert len(b.files()) == 5
    b.run('guard', 'accept', 'alice', 'INBOX')
    b.run('apply')
    expunge(a, ['m6'])
    bring(a, b)
    assert len(b.files()) == 3


@check
def half_of_a_folder_and_small_folders_go_unasked(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    expunge(a, named(range(5)))
    bring(a, b)
    assert len(b.files()) == 5
    a, b = guarded_again(sites)
    fill(a, 4)
    bring(a, b)
    expunge(a, named(range(4)))
    bring(a, b)
    assert not b.files()


def guarded_again(sites):
    """Another pair."""
    a, b = sites.site('c'), sites.site('d')
    sites.pair(a, b)
    for site, settings in ((a, 'guard = "100%"'), (b, 'guard_least = 4')):
        site.accounts = 'account "alice" { maildir = "%s" %s }' % (
            site.mail, settings)
        site.write_config()
        site.folder()
    return a, b


@check
def the_trash_is_emptied_unasked(sites):
    a, b = guarded(sites, names=('', '.Trash'))
    fill(a, 10)
    fill(a, 10, '.Trash', 't')
    bring(a, b)
    expunge(a, named(range(10), 't'), '.Trash')
    bring(a, b)
    assert not b.files('.Trash')
    # Moved to the trash and expunged there, before it was heard of here.
    move(a, named(range(9)), '', '.Trash')
    a.run('write')
    expunge(a, named(range(9)), '.Trash')
    bring(a, b)
    assert b.files() == ['m9:2,'], b.files()
    b.run('status')


@check
def a_mass_of_all_folders_waits_in_each(sites):
    names = ('.A', '.B', '.C', '.D')
    a, b = guarded(sites, 'guard_least = 8', ('',) + names)
    for name in names:
        fill(a, 4, name, name[1:])
    bring(a, b)
    for name in names:
        expunge(a, named(range(3), name[1:]), name)
    bring(a, b, code=3)
    waits(b, ('A', 3), ('B', 3), ('C', 3), ('D', 3))
    assert all(len(b.files(name)) == 4 for name in names)
    # One word for one folder is none for the others.
    b.run('guard', 'accept', 'alice', 'B')
    b.run('apply', code=3)
    waits(b, ('A', 3), ('C', 3), ('D', 3))
    assert b.files('.B') == ['B3:2,']
    b.run('guard', 'accept', 'alice')
    b.run('apply')
    assert all(len(b.files(name)) == 1 for name in names)
    b.run('status')


@check
def a_folder_that_waits_keeps_no_other_waiting(sites):
    a, b = guarded(sites, names=('', '.Box'))
    fill(a, 10)
    fill(a, 10, '.Box', 'b')
    bring(a, b)
    expunge(a, named(range(10)))
    bring(a, b, code=3)
    waits(b, ('INBOX', 10))
    expunge(a, ['b1', 'b2'], '.Box')
    bring(a, b, code=3)
    waits(b, ('INBOX', 10))
    assert len(b.files('.Box')) == 8


@check
def a_folder_that_is_deleted_waits_with_its_mail(sites):
    a, b = guarded(sites, names=('', '.Box'))
    fill(a, 10, '.Box')
    bring(a, b)
    shutil.rmtree(os.path.join(a.mail, '.Box'))
    bring(a, b, code=3)
    waits(b, ('Box', 10))
    assert len(b.files('.Box')) == 10
    # Another of that name has its own mail.
    a.folder('.Box', guid='e')
    a.save('other', '.Box')
    bring(a, b, code=3)
    waits(b, ('Box', 10))
    assert b.files('.Box') == ['other:2,']
    b.run('guard', 'accept', 'alice', 'Box')
    b.run('apply')
    assert b.files('.Box') == ['other:2,']
    assert [n for n in os.listdir(b.mail) if n.startswith('.')] == ['.Box']
    b.run('status')


@check
def what_is_brought_back_is_taken_for_what_waits(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    inodes = {os.stat(os.path.join(b.mail, 'cur', f)).st_ino
              for f in b.files()}
    saved = os.path.join(a.top, 'saved')
    shutil.copytree(os.path.join(a.mail, 'cur'), saved,
                    ignore=shutil.ignore_patterns('.*'))
    expunge(a, named(range(8)))
    bring(a, b, code=3)
    for base in named(range(8)):
        shutil.copy2(os.path.join(saved, base + ':2,'),
                     os.path.join(a.mail, 'cur', base + ':2,F'))
        a.line(base)
    bring(a, b)
    assert sorted(a.files()) == sorted(b.files()), (a.files(), b.files())
    assert inodes == {os.stat(os.path.join(b.mail, 'cur', f)).st_ino
                      for f in b.files()}, b.said
    assert a.uids() == b.uids(), (a.uids(), b.uids())
    b.run('status')
    expunge(a, named(range(8, 10)))     # and it is over
    bring(a, b)
    assert sorted(a.files()) == sorted(b.files())


@check
def what_a_user_here_moves_away_is_kept(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    expunge(a, named(range(6)))
    bring(a, b, code=3)
    b.folder('.Kept', guid='f')
    move(b, named(range(2)), '', '.Kept')
    b.run('apply', code=3)
    waits(b, ('INBOX', 4))
    b.run('guard', 'accept', 'alice', 'INBOX')
    b.run('apply')
    assert len(b.files()) == 4 and len(b.files('.Kept')) == 2
    b.run('write')
    b.run('status')


@check
def what_waits_keeps_a_number_of_its_own(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    expunge(a, named(range(6)))
    bring(a, b, code=3)
    head = a.uidlist('')[0].replace('V1000', 'V2000').replace('N11', 'N5')
    a.uidlist('', head, *('%d :m%d' % (i - 5, i) for i in range(6, 10)))
    bring(a, b, code=3)
    assert b.uidvalidity() == a.uidvalidity() == 2000, b.uidlist('')
    there = b.uids()
    assert len(there) == 10, b.uidlist('')
    assert all(there[uid] == base for uid, base in a.uids().items()), there
    b.run('guard', 'accept', 'alice', 'INBOX')
    b.run('apply')
    assert b.uids() == a.uids()


@check
def a_daemon_tells_it_once_and_goes_on_when_told(sites):
    a, b = guarded(sites)
    fill(a, 10)
    bring(a, b)
    b.follow('apply')
    expunge(a, named(range(6)))
    a.run('sync')
    b.run('ship')
    b.wait(lambda: 'by peers wait' in b.daemon_said('apply'), 20, 'not told')
    b.run('guard', 'accept', 'alice', 'INBOX')
    b.hangup('apply')       # or in a minute
    b.wait(lambda: len(b.files()) == 4, 20, 'not done')
    assert b.daemon_said('apply').count('by peers wait') == 1
    b.stop()


@check
def it_can_be_switched_off(sites):
    a, b = guarded(sites, 'guard = "100%" guard_least = 4')
    fill(a, 10)
    bring(a, b)
    expunge(a, named(range(10)))
    bring(a, b)
    assert not b.files()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
