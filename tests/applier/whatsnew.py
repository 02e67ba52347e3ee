#!/usr/bin/env python3
"""`packetboat changes` tells what is new since a vector, once, from the logs or
from the state, at the site where it was logged and at the one that received it."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import plainsites               # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def poll(site, vector, *args):
    """([(log, from, kind)], the next vector)"""
    *lines, last = [json.loads(line) for line in site.run(
        'changes', '--json', '--since', vector, *args).splitlines()]
    return [(line['log'].split('/')[2], line['from'], line['text'].split()[2])
            for line in lines], last['vector']


def exchange(a, b):
    for site in (a, b, a):
        site.run('sync')


@check
def each_change_is_told_once(sites):
    a, b = sites.two()
    a.folder()
    b.folder()
    a.save('1.a')
    a.save('1.b')
    assert poll(a, '') == ([], '')
    exchange(a, b)
    for site, where in ((a, 'log'), (b, 'state')):
        new, vector = poll(site, '')
        saves = [line for line in new if line[2] == 'save']
        assert saves == [('INBOX', where, 'save')] * 2, new
        assert [line for line in new if line[0] == 'account'], new
        assert poll(site, vector) == ([], vector)
        site.vector = vector
    a.flag('1.a', 'S')
    exchange(a, b)
    for site, where in ((a, 'log'), (b, 'state')):
        new, vector = poll(site, site.vector)
        assert new == [('INBOX', where, 'flags')], new
        text = site.run('changes', '--since', site.vector)
        first, change, last = text.splitlines()
        assert first.startswith('log alice ') and first.endswith(
            'INBOX from the ' + where), text
        assert change.startswith('  ') and change.endswith(' +S'), text
        assert last == 'vector ' + vector, text
        # A file holds what no argument may be long enough for.
        saved = site.path('vector')
        with open(saved, 'w') as file:
            file.write(last + '\n')
        assert poll(site, '@' + saved) == ([], vector)
    # What a folder's logs say, and no others; the rest of the vector stays.
    new, vector = poll(a, a.vector, 'alice', 'INBOX')
    assert new == [('INBOX', 'log', 'flags')] and 'account-' in vector
    assert {log for log, _, _ in poll(a, '', 'alice', 'INBOX')[0]} == {'INBOX'}
    for args, word in (
            ((), 'usage: packetboat changes'),
            (('--since', 'foo-1234'), 'not a vector: "foo-1234"'),
            (('--since', '', 'bob'), 'account bob: there is none'),
            (('--since', '', 'alice', 'No'), 'there is no folder "No"')):
        a.run('changes', *args, code=2 if args[2:3] != ('alice',) else None)
        a.says(word)


@check
def what_logs_hold_no_more_is_written_out(sites):
    a, b = sites.two()
    a.folder()
    a.save('1.a')
    a.run('write')
    vector = poll(a, '')[1]
    a.flag('1.a', 'S')
    a.run('write')
    a.flag('1.a', 'FS')
    a.run('write')
    assert poll(a, vector)[0] == [('INBOX', 'log', 'flags')] * 2
    top = os.path.join(a.state, 'log', 'alice')
    for where, _, names in os.walk(top):
        for name in names:
            if name.endswith('.changes') and where != top:
                os.unlink(os.path.join(where, name))
    new, after = poll(a, vector)
    assert new == [('INBOX', 'state', 'flags')] * 2, new
    assert poll(a, after) == ([], after)


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
