#!/usr/bin/env python3
"""`packetboat explain` tells a message's life at the site where it was born and
at the one that received it, while it lives and when it is gone."""

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


def two(sites):
    a, b = sites.two()
    a.folder()
    b.folder()
    a.save('1.a', body='Message-ID: <one@example>\nSubject: one\n\nBody\n')
    a.save('1.b', body='Message-ID: <two@example>\nSubject: two\n\nBody\n')
    exchange(a, b)
    return a, b


def exchange(a, b):
    for site in (a, b, a):
        site.run('sync')


def life(site, what, folder='INBOX'):
    """The one message that is meant."""
    tree = json.loads(site.run('explain', '--json', 'alice', folder, what))
    [message] = tree['messages']
    return message


def kinds(message):
    return [change['text'].split()[2] for change in message['changes']]


@check
def what_was_overwritten_is_told_where_it_was_logged(sites):
    a, b = two(sites)
    a.flag('1.a', 'S')
    exchange(a, b)
    exchange(b, a)  # what was placed is said with the next word
    a.flag('1.a', 'F')
    a.run('write')
    for what in ('1', '<one@example>', 'one@example', '1.a', '1.a:2,F'):
        told = life(a, what)
        assert told['lives'] and told['uid'] == told['here']['uid'] == 1
        assert kinds(told) == ['save', 'flags', 'flags'], told
        [lost] = told['changes'][1]['lost']
        assert (lost['what'], lost['lsn'], lost['later']) == (
            'flag \\S', told['changes'][2]['lsn'], True), lost
        [peer] = told['peers']
        assert (peer['peer'], peer['known'], peer['placed']) == ('b', 2, 2)
        assert [at['lsn'] for at in peer['lacks']] == [
            told['changes'][2]['lsn']]
    exchange(a, b)
    told = life(b, '1')
    # Who overwrote what before is in a's log alone.
    assert kinds(told) == ['save', 'flags'], told
    assert {change['from'] for change in told['changes']} == {'state'}
    assert told['dots'][0]['site'] == 'a'
    text = b.run('explain', 'alice', 'INBOX', '1')
    assert 'their logs are theirs' in text, text
    # What users change there stays there, and loses to what is later.
    b.flag('1.a', '')
    b.run('write')
    a.flag('1.a', '')
    exchange(a, b)
    told = life(b, '1')
    [own] = [change for change in told['changes'] if change['site'] == 'b']
    [lost] = own['lost']
    assert (lost['what'], lost['site'], lost['later']) == (
        'flag \\F', 'a', True), told
    assert told['peers'][0]['of'] == 0, told


@check
def mail_that_is_gone_is_found_by_what_is_left(sites):
    a, b = two(sites)
    dot = life(a, '2')['dots'][0]
    a.expunge('1.b')
    exchange(a, b)
    told = life(a, '2')
    assert not told['lives'] and kinds(told) == ['save', 'expunge'], told
    assert told['conditions'][0]['is'] == 'gone'
    # There no log tells its UID; its file lies in the trash.
    tree = json.loads(b.run('explain', '--json', 'alice', 'INBOX', '2',
                            code=1))
    assert not tree['messages'] and 'no log kept here' in tree['notes'][0]
    by_dot = '%s:%d' % (dot['origin'], dot['lsn'])
    for what in ('two@example', by_dot):
        told = life(b, what)
        assert told['dots'][0]['dead']
        assert told['dots'][0]['expunged']['site'] == 'a', told
    # At home there is no file any more.
    text = a.run('explain', 'alice', 'INBOX', 'two@example', code=1)
    assert 'stands in the mail alone' in text, text
    for args, word in (
            (('alice', 'INBOX'), 'usage: packetboat explain'),
            (('bob', 'INBOX', '1'), 'account bob: there is none'),
            (('alice', 'Nowhere', '1'), 'there is no folder "Nowhere"')):
        a.run('explain', *args, code=2)
        a.says(word)


@check
def moved_mail_is_told_where_it_lies_now(sites):
    a, b = two(sites)
    a.folder('.Work', guid='b')
    a.run('sync')
    lines = a.uidlist('.Work')
    os.link(a.path_of('1.a'), os.path.join(a.mail, '.Work', 'cur', '1.a:2,'))
    assert len(lines) == 1
    a.line('1.a', '.Work')
    a.expunge('1.a')
    exchange(a, b)
    for site in (a, b):
        told = life(site, '1', 'Work')
        assert told['folder'] == told['here']['folder'] == 'Work', told
        assert {dot['folder'] for dot in told['dots']} >= {'INBOX'}, told
    assert 'move' in kinds(life(a, '1', 'Work'))


@check
def a_body_that_has_not_come_is_awaited(sites):
    a, b = sites.two()
    a.folder()
    b.folder()
    head, via = a.more.rsplit(' via = ', 1)
    a.more = '%s link "x" { via = %s hold = "1K" }\n}\n' % (
        head, via.strip().rstrip('}').strip())
    a.write_config()
    a.save('big', body='Subject: big\n\n' + 'x' * 5000 + '\n')
    exchange(a, b)
    [there] = life(b, '1')['conditions']
    assert there['is'] == 'awaited', there
    assert 'here' not in life(b, '1')
    [peer] = life(a, '1')['peers']
    assert peer['body'] in ('held', 'awaited'), peer


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
