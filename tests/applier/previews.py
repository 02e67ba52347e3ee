#!/usr/bin/env python3
"""Of mail that is too large for a link a preview comes, and goes when the mail
itself is there. What users do with it is nobody else's business."""

import json
import os
import shutil
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def large(name, size=6000):
    return ('From: Bosun <bosun@example.org>\nMessage-ID: <1@example.org>\n'
            'Subject: =?utf-8?Q?%s_=E2=9A=93?=\n\nAll about %s.\n%s\n' % (
                name, name, ('x' * 70 + '\n') * (size // 71)))


def is_preview(file):
    return '.Held' in file


class Pair:
    """What is over 1K does not go to b, but a preview of it does."""

    def __init__(self, sites, ours='', theirs=''):
        self.a, self.b = sites.site('a'), sites.site('b')
        path = self.path = os.path.join(sites.top, 'sat')
        os.mkdir(path)
        self.a.run('media', 'init', path)
        for site, other, more in ((self.a, self.b, 'hold = 1K preview = yes ' +
                                   ours), (self.b, self.a, theirs)):
            site.more = 'peer "%s" { key = "%s" via = "dir:%s" %s }\n' % (
                other.name, other.key, path, more)
            site.write_config()
        self.a.folder()

    def go(self):
        """To b, and b's word back."""
        self.a.run('write')
        self.a.run('ship')
        self.b.run('sync')
        self.a.run('ship')
        self.a.run('apply')

    def held(self):
        return json.loads(self.a.run('held', '--json'))

    def release(self):
        for one in self.held():
            self.a.run('held', 'release', 'b', one['id'])
        self.go()

    def previews(self, name=''):
        return [f for f in self.b.files(name) if is_preview(f)]

    def kept_to_itself(self):
        """At b nothing was logged, no sum differs, and all is whole."""
        assert self.b.log() == '', self.b.log()
        for site in (self.a, self.b):
            site.run('check')
            site.run('scan')
            assert not json.loads(site.run('gap', 'list', '--json')), site.name
        self.go()


@check
def it_stands_where_the_mail_is_to_come(sites):
    pair = Pair(sites)
    a, b = pair.a, pair.b
    a.save('before')
    a.save('large', body=large('Charts'))
    a.save('after')
    a.run('write')
    a.run('ship')
    a.says('1 preview')
    [one] = pair.held()
    assert one['preview'] == 'handed over', one
    pair.go()
    [one] = pair.held()
    assert one['preview'] == 'there', one
    assert 'preview' in a.run('held'), a.run('held')
    # Nobody waits for what is held, and all have the numbers that they have.
    [preview] = pair.previews()
    uids = b.uids()
    assert uids[1] == 'before' and uids[3] == 'after', uids
    assert uids[2] == b.base(preview), uids
    with open(b.path_of(b.base(preview))) as file:
        text = file.read()
    assert '\nSubject: [held: 6.' in text, text
    assert '=?utf-8?Q?Charts_=E2=9A=93?=' in text, text
    assert 'waits at a.' in text and 'All about Charts.' in text, text
    assert '    packetboat held release b %s\n' % one['id'][:10] in text, text
    assert '<1@example.org>' not in text and len(text) <= 2048, text
    pair.kept_to_itself()
    assert pair.previews() == [preview], b.files()
    pair.release()
    assert sorted(map(b.base, b.files())) == ['after', 'before', 'large']
    # It gets a number that nobody saw.
    assert b.uids()[4] == 'large', b.uids()
    pair.kept_to_itself()
    assert pair.held() == []


def one_waits(sites, **settings):
    """"large" waits at a, its preview is at b; returns the pair and its name."""
    pair = Pair(sites, **settings)
    pair.a.folder('.Work', guid='b')
    pair.a.save('large', body=large('Charts'))
    pair.go()
    [preview] = pair.previews()
    return pair, pair.b.base(preview)


def move(site, base, name, to, new):
    """As a server does: a link under another name, then an unlink."""
    old = site.path_of(base, name)
    os.link(old, os.path.join(site.mail, to, 'cur', new + ':2,'))
    site.line(new, to)
    os.unlink(old)


@check
def flags_of_it_are_told_to_nobody(sites):
    pair, preview = one_waits(sites)
    pair.b.flag(preview, 'FS')
    pair.go()
    assert pair.b.files() == [preview + ':2,FS'], pair.b.files()
    pair.kept_to_itself()
    pair.release()
    assert pair.b.files() == ['large:2,'], pair.b.files()


@check
def what_a_user_expunged_does_not_come_again(sites):
    pair, preview = one_waits(sites)
    pair.b.expunge(preview)
    pair.go()
    pair.go()
    assert not pair.b.files(), pair.b.files()
    pair.kept_to_itself()
    [one] = pair.held()
    assert one['preview'] == 'there', one
    pair.release()
    assert pair.b.files() == ['large:2,'], pair.b.files()


@check
def moved_by_a_user_it_goes_all_the_same(sites):
    pair, preview = one_waits(sites)
    b = pair.b
    move(b, preview, '', '.Work', 'moved')
    pair.go()
    assert not b.files() and b.files('.Work') == ['moved:2,'], b.files('.Work')
    # A copy of it, too.
    os.link(b.path_of('moved', '.Work'),
            os.path.join(b.mail, 'cur', 'copied:2,'))
    b.line('copied')
    pair.go()
    assert b.files() == ['copied:2,'], b.files()
    pair.kept_to_itself()
    pair.release()
    assert b.files() == ['large:2,'] and not b.files('.Work'), b.files('.Work')
    pair.kept_to_itself()


@check
def one_that_comes_back_later_is_nobodys_mail(sites):
    pair, preview = one_waits(sites)
    b = pair.b
    os.link(b.path_of(preview), b.path('kept'))
    pair.release()
    os.rename(b.path('kept'), os.path.join(b.mail, '.Work', 'cur', 'back:2,'))
    b.line('back', '.Work')
    pair.go()
    assert not b.files('.Work'), b.files('.Work')
    pair.kept_to_itself()


@check
def it_goes_with_its_mail_and_follows_it(sites):
    pair, preview = one_waits(sites)
    a, b = pair.a, pair.b
    a.save('other', body=large('Pictures'))
    pair.go()
    assert len(pair.previews()) == 2, b.files()
    a.expunge('other')
    move(a, 'large', '', '.Work', 'moved')
    pair.go()
    assert not b.files(), b.files()
    assert len(pair.previews('.Work')) == 1, b.files('.Work')
    os.rename(os.path.join(a.mail, '.Work'), os.path.join(a.mail, '.Play'))
    pair.go()
    assert len(pair.previews('.Play')) == 1, b.files('.Play')
    pair.kept_to_itself()
    shutil.rmtree(os.path.join(a.mail, '.Play'))
    pair.go()
    assert not os.path.exists(os.path.join(b.mail, '.Play'))
    pair.kept_to_itself()


@check
def of_one_body_each_folder_has_one(sites):
    pair = Pair(sites)
    a, b = pair.a, pair.b
    a.folder('.Work', guid='b')
    for base, name in (('one', ''), ('two', ''), ('three', '.Work')):
        a.save(base, name, body=large('Charts'))
    pair.go()
    assert len(pair.previews()) == 1, b.files()
    assert len(pair.previews('.Work')) == 1, b.files('.Work')
    pair.kept_to_itself()
    pair.release()
    assert sorted(b.files()) == ['one:2,', 'two:2,'], b.files()
    assert b.files('.Work') == ['three:2,'], b.files('.Work')
    pair.kept_to_itself()


@check
def a_new_numbering_counts_it_too(sites):
    pair, preview = one_waits(sites)
    a, b = pair.a, pair.b
    a.save('small')
    pair.go()
    lines = a.uidlist('')
    a.uidlist('', lines[0].replace('V1000 N3', 'V2000 N8'),
              *(line.replace('1 :', '6 :').replace('2 :', '7 :')
                for line in lines[1:]))
    pair.go()
    assert b.uidvalidity() == 2000, b.uidlist('')
    uids = b.uids()
    assert uids[7] == 'small' and len(uids) == 2, uids
    assert preview in uids.values(), uids
    pair.kept_to_itself()
    pair.release()
    assert sorted(b.files()) == ['large:2,', 'small:2,'], b.files()


@check
def one_that_was_lost_is_sent_again(sites):
    pair = Pair(sites)
    a, b = pair.a, pair.b
    a.save('large', body=large('Charts'))
    a.run('write')
    a.run('ship')
    for where, _, names in os.walk(pair.path):
        for name in names:
            if 'bundle' in name or 'manifest' in name:
                os.unlink(os.path.join(where, name))
    pair.go()
    pair.go()
    assert len(pair.previews()) == 1, b.files()
    # And not more often than that.
    a.run('ship')
    a.says('nothing to hand over')


@check
def to_a_peer_that_never_answers_it_goes_once(sites):
    pair = Pair(sites, ours='oneway = yes')
    a, b = pair.a, pair.b
    a.save('large', body=large('Charts'))
    a.run('write')
    a.run('ship')
    a.says('1 preview')
    [one] = pair.held()
    assert one['preview'] == 'there', one
    a.run('ship')
    a.says('nothing to hand over')
    a.save('small')             # with an overlap
    a.run('write')
    a.run('ship')
    a.silent('preview,')
    b.run('sync')
    assert len(pair.previews()) == 1 and len(b.files()) == 2, b.files()
    pair.release()
    assert sorted(b.files()) == ['large:2,', 'small:2,'], b.files()


@check
def a_strict_standby_gets_none(sites):
    pair = Pair(sites, theirs='late = never')
    pair.a.save('large', body=large('Charts'))
    pair.a.save('small')
    pair.go()
    assert not pair.b.files(), pair.b.files()
    pair.release()
    assert pair.b.uids() == {1: 'large', 2: 'small'}, pair.b.uids()


@check
def a_third_site_never_sees_it(sites):
    pair, preview = one_waits(sites)
    b, c = pair.b, sites.site('c')
    sites.pair(b, c)
    b.run('sync')
    c.run('sync')
    assert not os.path.exists(c.mail) or not c.files(), c.files()
    assert pair.b.log() == '', pair.b.log()


@check
def a_sender_that_lost_its_state_hears_that_it_is_there(sites):
    pair, preview = one_waits(sites)
    a, b = pair.a, pair.b
    shutil.rmtree(os.path.join(a.state, 'accounts'))
    shutil.rmtree(os.path.join(a.state, 'log'))
    for _ in range(3):
        pair.go()
    assert b.files() == [preview + ':2,'], b.files()
    [one] = pair.held()
    assert one['preview'] == 'there', one
    pair.release()
    assert b.files() == ['large:2,'], b.files()


@check
def a_site_that_lost_its_state_knows_it_again(sites):
    pair, preview = one_waits(sites)
    a, b = pair.a, pair.b
    shutil.rmtree(os.path.join(b.state, 'accounts'))
    for _ in range(4):
        a.run('write')
        a.run('ship')
        b.run('sync', code=None)
    assert pair.previews() == [preview + ':2,'], b.files()
    pair.kept_to_itself()
    pair.release()
    assert b.files() == ['large:2,'], b.files()


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
