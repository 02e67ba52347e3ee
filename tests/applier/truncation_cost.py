#!/usr/bin/env python3
"""What a peer lacks of a log that is gone costs what changed, whatever the
folder holds: in bytes handed over, and in bytes read for it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import plainsites
from truncation import log_dir

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def base_of(number):
    return '1700%06d.M%dP1.vm' % (number, number)


def many(site, count):
    """A folder with so many mails, which its peer has, as it says."""
    site.folder()
    cur = os.path.join(site.mail, 'cur')
    for number in range(1, count + 1):
        with open(os.path.join(cur, base_of(number) + ':2,S'), 'w') as file:
            file.write('Subject: %d\n\n' % number)
    site.uidlist('', '3 V1000 N%d G%s' % (count + 1, 'a' * 32),
                 *('%d :%s' % (n, base_of(n)) for n in range(1, count + 1)))
    site.run('write')
    peer = int(re.search(r'peer \w+, origin (\w+)', site.run(
        'status', code=None)).group(1), 16)
    site.sql('INSERT INTO ack SELECT %d, id, lsn, chain, lsn FROM log' % (
        peer - (peer >> 63 << 64)))


def a_hundred_changes(site, count):
    """All over the folder: 25 flags set, 25 cleared, 25 expunged, 25 new."""
    cur = os.path.join(site.mail, 'cur')
    for number in range(1, count, count // 25):
        first, second, third = (
            os.path.join(cur, base_of(number + i) + ':2,') for i in range(3))
        os.rename(first + 'S', first + 'FS')
        os.rename(second + 'S', second)
        os.unlink(third + 'S')
    lines = site.uidlist('')
    for number in range(count + 1, count + 26):
        with open(os.path.join(cur, base_of(number) + ':2,'), 'w') as file:
            file.write('Subject: %d\n\n' % number)
        lines.append('%d :%s' % (number, base_of(number)))
    lines[0] = '3 V1000 N%d G%s' % (count + 26, 'a' * 32)
    site.uidlist('', *lines)
    site.run('write')


def ship_counted(site):
    """Returns bytes handed over, and bytes that it and all whom it started
    read of files and pipes."""
    child = subprocess.Popen(
        [os.path.join(plainsites.BIN, 'packetboat'), '-c', site.config, '-v',
         'ship'], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with child.stderr:
        site.said = child.stderr.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with open('/proc/%d/io' % child.pid) as file:
        read = int(file.readline().split()[1])
    assert child.wait() == 0, site.said
    site.says('101 changes came from the state', ' 25 bodies ')
    return int(re.search(r'(\d+) bytes handed over', site.said).group(1)), read


@check
def it_costs_what_changed_whatever_the_folder_holds(sites):
    costs = []
    for count in (1000, 10000, 100000):
        a, b = sites.site('a%d' % count), sites.site('b%d' % count)
        sites.pair(a, b)
        many(a, count)
        a_hundred_changes(a, count)
        shutil.rmtree(log_dir(a))
        costs.append(ship_counted(a))
    print('# bytes handed over, read: %s' % costs)
    (sent, read), rest = costs[0], costs[1:]
    assert sent < 4000 and read < 2 << 20, costs
    for more_sent, more_read in rest:
        # In a large folder what changed lies in pages of its own.
        assert more_sent <= sent + 512 and more_read <= 1.6 * read, costs


if __name__ == '__main__':
    # Bytes are counted, no seconds: many files are made sooner in memory.
    if os.access('/dev/shm', os.W_OK):
        tempfile.tempdir = '/dev/shm'
    sys.exit(plainsites.main(CHECKS))
