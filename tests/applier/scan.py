#!/usr/bin/env python3
"""Mail and state are compared: what is damaged is told, never replicated, and
fetched again from a peer that has it whole."""

import json
import os
import pty
import subprocess
import sys
import time

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def mailed(sites, count=4):
    a, b = sites.two()
    a.folder()
    for number in range(count):
        a.save('m%d' % number, flags='S' if number % 2 else '')
    carry(a, b)
    return a, b


def carry(*two, rounds=2):
    """Until both have heard all."""
    for _ in range(rounds):
        for site in two:
            site.run('sync')


def flip(site, base):
    """A disk gives another byte: no date shows it."""
    file = site.path_of(base)
    was = os.stat(file)
    with open(file, 'r+b') as f:
        f.seek(12)
        byte = f.read(1)
        f.seek(12)
        f.write(bytes([byte[0] ^ 1]))
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def truncate(site, base, size):
    file = site.path_of(base)
    was = os.stat(file)
    os.truncate(file, size)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def look(site):
    """All mail of INBOX: {name: (bytes, date)}, and its UIDs."""
    found = {}
    for name in site.files():
        with open(os.path.join(site.mail, 'cur', name), 'rb') as file:
            found[name] = (file.read(), int(os.fstat(file.fileno()).st_mtime))
    return found, site.uids()


def trash(site):
    return [name for _, _, names in os.walk(
        os.path.join(site.mail, 'cur', '.packetboat', 'trash'))
        for name in names]


def damaged(site):
    """{base: what} as gap list has it."""
    gaps = json.loads(site.run('gap', 'list', '--json', code=3))
    assert [gap['kind'] for gap in gaps] == ['damaged'], gaps
    return {mail['base']: mail['damage'] for mail in gaps[0]['mails']}


def logged(site):
    return [line for line in site.log().splitlines() if line[:1] == ' ']


BYTES = 'its bytes are not those it had'


@check
def a_scan_of_sound_mail_finds_nothing(sites):
    a, b = mailed(sites)
    for site in (a, b):
        site.run('scan')
        assert '1 folder scanned: 4 messages looked at, 0 bytes read' in \
            site.said, site.said
        site.run('scan', '--deep')
        size = sum(len(mail[0]) for mail in look(site)[0].values())
        assert '4 messages looked at, %d bytes read' % size in site.said
        assert '0 found damaged' in site.said
        assert site.run('gap', 'list') == 'no gaps\n'


def mends(a, b, spoilt, spoil, *options):
    """What is spoilt at a site is found there, kept there, and mended."""
    before = look(spoilt)
    log = logged(spoilt)
    spoil()
    spoilt.run('scan', *options, code=3)
    assert 'folder INBOX: UID 2 (m1) ' + BYTES in spoilt.said, spoilt.said
    assert damaged(spoilt) == {'m1': BYTES}
    assert 'm1' in spoilt.run('status', code=3)
    assert logged(spoilt) == log
    other = b if spoilt is a else a
    spoilt.run('sync', code=3)     # asks
    other.run('sync')
    spoilt.run('sync')
    assert 'whole again' in spoilt.said, spoilt.said
    assert look(spoilt) == before
    assert trash(spoilt) == ['m1:2,S']
    assert spoilt.run('gap', 'list') == 'no gaps\n'
    spoilt.run('scan', '--deep')
    carry(a, b)
    assert logged(spoilt) == log
    assert not [f for f in os.listdir(os.path.join(spoilt.state, 'bodies'))]
    # Nobody goes on asking.
    assert other.sql('SELECT count(*) FROM want') == '0\n'


@check
def a_flipped_byte_where_mail_is_received_is_mended(sites):
    a, b = mailed(sites)
    flip(b, 'm1')
    b.run('scan')       # does not read, so does not see
    flip(b, 'm1')
    mends(a, b, b, lambda: flip(b, 'm1'), '--deep')


@check
def a_flipped_byte_at_home_is_mended_by_the_peer(sites):
    a, b = mailed(sites)
    mends(a, b, a, lambda: flip(a, 'm1'), '--deep')


@check
def a_flipped_byte_is_mended_by_a_peer_that_only_receives(sites):
    a, b = sites.site('a'), sites.site('b')
    via = sites.pair(a, b)
    a.more = 'peer "b" { key = "%s" via = "dir:%s" changes = "send" }\n' % (
        b.key, via)
    b.more = 'peer "a" { key = "%s" via = "dir:%s" changes = "receive" }\n' % (
        a.key, via)
    a.write_config()
    b.write_config()
    a.folder()
    for number in range(4):
        a.save('m%d' % number, flags='S' if number % 2 else '')
    carry(a, b)
    mends(a, b, a, lambda: flip(a, 'm1'), '--deep')


@check
def an_emptied_file_is_found_without_reading(sites):
    a, b = mailed(sites)
    mends(a, b, b, lambda: truncate(b, 'm1', 0))


@check
def a_cut_file_is_found_by_its_next_flag_and_keeps_the_flag(sites):
    a, b = mailed(sites)
    truncate(a, 'm1', 7)
    os.rename(a.path_of('m1'), a.path_of('m1') + 'F')   # as :2,SF
    os.rename(a.path_of('m1'),
              os.path.join(a.mail, 'cur', 'm1:2,FS'))
    a.run('write', code=3)
    assert '1 messages were found damaged' in a.said, a.said
    assert damaged(a) == {'m1': BYTES}
    a.run('sync', code=3)
    b.run('sync')
    a.run('sync')
    assert look(a)[0]['m1:2,FS'] == look(b)[0]['m1:2,FS']
    a.run('gap', 'list')


@check
def a_copy_here_mends_without_a_peer(sites):
    a, b = mailed(sites)
    a.folder('.Copies', 1001, 'b')
    with open(a.path_of('m1')) as file:
        a.save('m1', '.Copies', body=file.read())
    a.run('write')
    flip(a, 'm1')
    a.run('scan', '--deep', code=3)
    a.run('apply')
    assert 'whole again' in a.said
    a.run('scan', '--deep')


@check
def what_was_copied_by_a_client_is_mended_with_its_source(sites):
    a, b = mailed(sites)
    a.folder('.Copies', 1001, 'b')
    flip(a, 'm1')       # and then copied by a hard link
    os.link(a.path_of('m1'), os.path.join(a.mail, '.Copies', 'cur', 'm1:2,S'))
    a.line('m1', '.Copies')
    a.run('write')
    a.run('scan', '--deep', code=3)
    a.run('sync', code=3)
    b.run('sync')
    a.run('sync')
    a.run('scan', '--deep')
    carry(a, b)
    for site in (a, b):
        with open(os.path.join(site.mail, '.Copies', 'cur', 'm1:2,S')) as file:
            assert file.read() == 'Subject: m1\n\nBody of m1\n'


@check
def of_two_peers_the_one_that_has_it_whole_mends_it(sites):
    a, b = mailed(sites)
    c = sites.site('c')
    sites.pair(a, c)
    carry(a, b, c, a)
    before = look(a)
    for site in (a, b):
        flip(site, 'm1')
        site.run('scan', '--deep', code=3)
    a.run('sync', code=3)
    b.run('sync', code=None)
    a.run('sync', code=3)       # b has nothing that is whole
    assert damaged(a) == {'m1': BYTES}
    c.run('sync')
    a.run('sync')
    assert 'whole again' in a.said, a.said
    carry(a, b)
    for site in (a, b, c):
        assert look(site)[0] == before[0], site.name
        site.run('scan', '--deep')
        site.run('gap', 'list')


@check
def what_is_damaged_before_it_is_handed_over_stays_here(sites):
    a, b = mailed(sites)
    a.save('new')
    a.run('write')
    whole = look(a)[0]['new:2,'][0]
    flip(a, 'new')
    a.run('ship', code=3)
    a.says('damaged files are not sent')
    assert damaged(a) == {'new': BYTES}
    b.run('sync')
    assert 'new:2,' not in look(b)[0]
    a.run('sync', code=3)
    a.run('status', code=3)
    flip(a, 'new')
    a.run('apply')
    carry(a, b)
    assert look(b)[0]['new:2,'][0] == whole


@check
def what_is_moved_while_it_is_damaged_is_mended_where_it_went(sites):
    a, b = mailed(sites)
    a.folder('.Work', 1001, 'b')
    a.run('write')
    flip(a, 'm1')
    os.rename(a.path_of('m1'), os.path.join(a.mail, '.Work/cur/m1:2,S'))
    a.line('m1', '.Work')
    for site in (a, b):
        site.run('sync')
    with open(b.path_of('m1', '.Work')) as file:
        assert file.read() == 'Subject: m1\n\nBody of m1\n'
    a.run('scan', '--deep', code=3)
    assert 'folder Work: UID 1 (m1) ' + BYTES in a.said, a.said
    a.run('sync', code=3)
    carry(b, a)
    with open(a.path_of('m1', '.Work')) as file:
        assert file.read() == 'Subject: m1\n\nBody of m1\n'
    a.run('scan', '--deep')


@check
def another_date_is_set_back_by_this_site_alone(sites):
    a, b = mailed(sites)
    before = look(b)
    os.utime(b.path_of('m2'), (1, 1))
    b.run('scan', code=3)
    assert damaged(b) == {'m2': 'its date is not the one it had'}
    b.run('apply')
    assert look(b) == before
    b.run('scan', '--deep')


@check
def a_file_that_is_removed_is_an_expunge(sites):
    a, b = mailed(sites)
    os.unlink(a.path_of('m2'))
    a.run('scan', '--deep')
    assert [line for line in logged(a) if ' expunge ' in line]
    carry(a, b)
    assert 'm2:2,' not in look(b)[0]


@check
def a_damaged_mail_that_goes_comes_back(sites):
    a, b = mailed(sites)
    log = logged(a)
    flip(a, 'm1')
    a.run('scan', '--deep', code=3)
    os.unlink(a.path_of('m1'))
    a.run('sync', code=3)
    b.run('sync')
    a.run('sync')
    assert logged(a) == log
    assert look(a)[0] == look(b)[0]
    a.run('scan', '--deep')


@check
def a_mail_that_somebody_put_right_is_only_noted(sites):
    a, b = mailed(sites)
    flip(b, 'm1')
    b.run('scan', '--deep', code=3)
    time.sleep(0.05)
    flip(b, 'm1')
    b.run('apply')
    assert 'whole again' in b.said
    assert not trash(b)
    b.run('gap', 'list')


@check
def what_is_accepted_becomes_a_mail_of_its_own(sites):
    a, b = mailed(sites)
    truncate(a, 'm1', 9)
    a.run('scan', code=3)
    a.run('gap', 'accept', 'alice', 'INBOX')
    carry(a, b)
    for site in (a, b):
        mails, uids = look(site)
        bodies = {name: mail[0] for name, mail in mails.items()}
        assert 'm1:2,S' not in bodies, bodies
        assert b'Subject: ' in bodies.values(), bodies
        assert 2 not in uids and max(uids) == 5, uids
        site.run('scan', '--deep')
    assert look(a) == look(b)


@check
def mail_that_cannot_be_read_is_in_status_until_it_can(sites):
    a, _ = mailed(sites)
    a.sql("INSERT OR REPLACE INTO meta VALUES('unread', 'm1: no disk')")
    said = a.run('status', code=3)
    assert 'cannot be read: m1: no disk' in said, said
    assert 'what changed there is not logged: m1: no disk' in said, said
    a.run('write')
    assert 'cannot be read' not in a.run('status')


@check
def what_is_gone_and_accepted_is_expunged(sites):
    a, b = mailed(sites)
    flip(a, 'm1')
    a.run('scan', '--deep', code=3)
    os.unlink(a.path_of('m1'))
    a.run('gap', 'accept', 'alice', 'ALL')
    carry(a, b)
    for site in (a, b):
        assert sorted(look(site)[1]) == [1, 3, 4]


@check
def a_scan_goes_on_where_it_was_stopped(sites):
    a, b = sites.two()
    a.folder()
    for number in range(8):
        a.save('m%d' % number, body='x' * 100000 + str(number))
    a.folder('.Other', 1001, 'b')
    a.save('o', '.Other')
    a.run('write')
    flip(a, 'm7')
    read = 0
    for turn in range(12):
        began = time.monotonic()
        done = subprocess.run(
            [os.path.join(plainsites.BIN, 'packetboat'), '-c', a.config,
             'scan', '--deep', '--rate', '200000', '--for', '1s'],
            stderr=subprocess.PIPE, text=True)
        assert time.monotonic() - began < 5
        read += int(done.stderr.split(' bytes read')[0].split()[-1])
        if 'm7' in done.stderr:
            assert done.returncode == 3
            break
        assert done.returncode == 0, done.stderr
        assert ' to go: the next scan' in done.stderr, done.stderr
    assert 3 <= turn <= 9, turn
    # What was done is not done again, but for the mail it was stopped in.
    assert read < 800100 + turn * 100001 + 65536, (turn, read)
    a.run('scan', '--deep', '--for', '0s', code=2)
    a.run('scan', '--rate', 'much', code=2)


@check
def on_a_terminal_it_shows_how_far_it_is(sites):
    a, b = sites.two()
    a.folder()
    for number in range(8):
        a.save('m%d' % number, body='x' * 100000 + str(number))
    a.run('write')
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [os.path.join(plainsites.BIN, 'packetboat'), '-c', a.config,
         'scan', '--deep', '--rate', '200000'], stderr=theirs)
    os.close(theirs)
    shown = b''
    try:
        while True:
            shown += os.read(ours, 4096)
    except OSError:     # the other end was closed
        os.close(ours)
    assert child.wait() == 0, shown
    assert b'scan alice/INBOX: 5 of 8 (62%)' in shown, shown


@check
def a_mail_that_takes_longer_than_a_scan_may_keeps_nothing_else(sites):
    a, b = sites.two()
    a.folder()
    for number in range(3):
        a.save('m%d' % number, body='x' * 120000 + str(number))
    a.run('write')
    flip(a, 'm2')
    for turn in range(3):
        a.run('scan', '--deep', '--rate', '100K', '--for', '1s', code=None)
        a.says('1 message looked at, 120001 bytes read')
        assert ('m2' in a.said) == (turn == 2), a.said


@check
def the_folder_that_waited_longest_comes_first(sites):
    a, b = mailed(sites)
    a.folder('.Other', 1001, 'b')
    a.save('o', '.Other')
    a.run('write')
    a.run('scan', 'alice', 'Other')
    assert '1 folder scanned: 1 message looked' in a.said
    a.run('scan', 'alice', 'Nowhere', code=2)
    a.run('scan', 'nobody', code=2)
    a.run('off', 'alice', 'Other')
    a.run('scan', 'alice', 'Other', code=2)
    a.says('folder Other cannot be scanned: its logging is off')
    a.run('on', 'alice', 'Other')
    rows = a.sql('SELECT f.path FROM scanned s JOIN folder f'
                 ' ON f.id = s.folder')
    assert rows == 'Other\n', rows


@check
def a_register_that_rotted_is_found_and_the_peer_told(sites):
    a, b = mailed(sites)
    a.sql("UPDATE message SET size = size + 1 WHERE base = 'm1'")
    a.run('scan', code=3)
    gaps = json.loads(a.run('gap', 'list', '--json', code=3))
    assert sorted(gap['kind'] for gap in gaps) == ['damaged', 'differs'], gaps
    assert [gap for gap in gaps if gap['kind'] == 'differs'][0]['peer'] is None
    # Nothing is handed over but what our registers say.
    a.run('sync', code=3)
    b.run('sync', code=3)
    [gap] = json.loads(b.run('gap', 'list', '--json', code=3))
    assert gap['kind'] == 'differs' and gap['peer'] == 'a', gap


@check
def a_register_that_rotted_here_is_found_by_what_the_peer_stated(sites):
    a, b = mailed(sites)
    b.sql("UPDATE message SET base = 'm9' WHERE base = 'm1'")
    b.run('scan', code=3)
    gaps = json.loads(b.run('gap', 'list', '--json', code=3))
    assert [gap['peer'] for gap in gaps if gap['kind'] == 'differs'] == \
        [None, 'a'], gaps


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
