#!/usr/bin/env python3
"""What goes out to a peer is what it is shown: folders by their names."""

import hashlib
import json
import os
import re
import shutil
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Watched:
    """Two sites; b is shown some of a's folders, and all that it is handed over
    is kept, opened with its key."""

    def __init__(self, sites, *shown, other='b'):
        self.a, self.b = sites.site('a'), sites.site(other)
        self.carrier = sites.pair(self.a, self.b)
        self.heard = ''
        self.secrets = set()
        self.show(*shown)

    def show(self, *shown):
        """What the key "send" says; nothing: there is none."""
        head = 'peer "%s" {' % self.b.name
        lines = self.a.more.splitlines()
        [at] = [i for i, line in enumerate(lines) if line.startswith(head)]
        send = 'send = { %s } ' % ', '.join('"%s"' % s for s in shown)
        lines[at] = '%s %skey = %s' % (head, send if shown else '',
                                       lines[at].split('key = ')[1])
        self.a.more = '\n'.join(lines) + '\n'
        self.a.write_config()

    def folder(self, name):
        """Dovecot's names are known to no two folders."""
        self.a.folder(name and '.' + name, guid='%x' % (len(name) % 15 + 1))

    def hide(self, base, name=''):
        """Saves mail that b must not hear of."""
        self.a.save(base, name and '.' + name)
        with open(self.a.path_of(base, name and '.' + name), 'rb') as file:
            body = hashlib.blake2b(file.read(), digest_size=20).hexdigest()
        self.secrets |= {base, body}

    def save(self, base, name='', body=None):
        self.a.save(base, name and '.' + name, body=body)

    def link(self, text):
        """How a reaches b."""
        self.a.more = re.sub(r'(peer "%s" .*?) via = "[^"]*"' % self.b.name,
                             lambda found: found[1] + ' ' + text, self.a.more)
        self.a.write_config()

    def move(self, base, source, target):
        """As Dovecot does: a link, and an unlink."""
        old = self.a.path_of(base, source and '.' + source)
        there = os.path.join(self.a.mail, target and '.' + target, 'cur',
                             os.path.basename(old))
        os.link(old, there)
        self.a.line(base, target and '.' + target)
        os.unlink(old)

    def files(self, name=''):
        path = os.path.join(self.b.mail, name and '.' + name)
        if not os.path.exists(path):
            return None
        return sorted(self.b.base(f) for f in
                      self.b.files(name and '.' + name))

    def listen(self):
        """What lies on the carrier for b, as b can read it."""
        bundles = [os.path.join(where, name) for where, _, names in
                   os.walk(self.carrier) for name in names]
        said = ''.join(self.b.run('log', path, code=None) for path in bundles)
        self.heard += said
        return said

    def sync(self, rounds=3):
        for _ in range(rounds):
            self.a.run('sync', code=None)
            self.listen()
            self.b.run('sync', code=None)

    def settled(self):
        """Both sites say so, and compare, and find no difference."""
        self.sync()
        for site in (self.a, self.b):
            said = json.loads(site.run('status', '--json'))
            for peer in said['peers']:
                for account in peer.get('accounts', []):
                    assert not account['lag_changes'], account
            gaps = json.loads(site.run('gap', 'list', '--json'))
            assert not gaps, gaps
        self.kept_secret()

    def kept_secret(self):
        for word in self.secrets:
            assert word not in self.heard, '%s was handed over:\n%s' % (
                word, self.heard)

    def compared(self):
        """How many folders b found to be equal to what a stated."""
        return int(self.b.sql(
            'SELECT count(*) FROM stated WHERE agreed_ms > 0').split()[-1])


@check
def only_folders_in_view_go_out(sites):
    w = Watched(sites, 'INBOX', 'Projects/*', '!Projects/Secret')
    for name in ('', 'Projects.boat', 'Projects.Secret', 'Private'):
        w.folder(name)
    w.secrets |= {'Secret', 'Private'}
    w.save('m-hello')
    w.save('m-hull', 'Projects.boat')
    w.hide('m-love', 'Private')
    w.hide('m-plan', 'Projects.Secret')
    w.settled()
    assert 'Projects/boat' in w.heard
    assert w.files() == ['m-hello'] and w.files('Projects.boat') == ['m-hull']
    assert w.files('Private') is None
    assert w.files('Projects.Secret') is None
    assert w.compared() == 2
    # The peer's folders come in, whatever it is shown.
    w.b.folder('.Log', guid='e')
    w.b.save('m-day', '.Log')
    w.settled()
    assert [w.a.base(f) for f in w.a.files('.Log')] == ['m-day']


@check
def folders_come_into_view_and_leave_it(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work', 'Later'):
        w.folder(name)
    w.save('m-hello')
    w.save('m-task', 'Work')
    w.hide('m-first', 'Later')
    w.a.flag('m-first', 'F', '.Later')
    w.settled()
    assert w.files('Later') is None
    # By a change of the configuration.
    w.secrets.clear()
    w.show('INBOX', 'Work', 'Later')
    w.settled()
    assert w.files('Later') == ['m-first']
    assert w.b.path_of('m-first', '.Later').endswith(':2,F')
    assert w.compared() == 3
    w.show('INBOX', 'Later')
    w.hide('m-second', 'Work')
    w.settled()
    assert w.files('Work') is None, w.files('Work')
    assert not int(w.b.sql('SELECT count(*) FROM dot'
                           ' WHERE dead_log <> 0').split()[-1])
    # And back: what was there, and what came meanwhile.
    w.secrets.clear()
    w.a.flag('m-task', 'S', '.Work')
    w.show()
    w.settled()
    assert w.files('Work') == ['m-second', 'm-task']
    assert w.b.path_of('m-task', '.Work').endswith(':2,S')
    assert w.compared() == 3


@check
def a_folder_is_renamed_out_of_the_view_and_back(sites):
    w = Watched(sites, 'INBOX', 'Open/*')
    for name in ('', 'Open.case', 'Closed.old'):
        w.folder(name)
    w.save('m-hello')
    w.save('m-exhibit', 'Open.case')
    w.hide('m-verdict', 'Closed.old')
    w.secrets.add('Closed')
    w.settled()
    assert w.files('Open.case') == ['m-exhibit']

    def rename(old, new):
        os.rename(os.path.join(w.a.mail, old), os.path.join(w.a.mail, new))

    rename('.Open.case', '.Closed.case')
    w.save('m-note', 'Closed.case')
    w.secrets.add('m-note')
    w.settled()
    assert w.files('Open.case') is None
    w.secrets -= {'m-note', 'm-verdict'}
    rename('.Closed.case', '.Open.again')
    rename('.Closed.old', '.Open.old')
    w.secrets = {'Closed'}
    w.settled()
    assert w.files('Open.again') == ['m-exhibit', 'm-note']
    assert w.files('Open.old') == ['m-verdict']
    assert w.files('Open.case') is None
    assert w.compared() == 3


@check
def mail_is_moved_into_the_view_and_out_of_it(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    w.save('m-stays')
    w.save('m-leaves')
    w.hide('m-comes', 'Private')
    w.a.flag('m-comes', 'FS', '.Private')
    w.settled()
    assert w.files() == ['m-leaves', 'm-stays']
    w.secrets.clear()
    w.move('m-comes', 'Private', 'Work')
    w.move('m-leaves', '', 'Private')
    w.settled()
    assert w.files('Work') == ['m-comes'] and w.files() == ['m-stays']
    assert w.b.path_of('m-comes', '.Work').endswith(':2,FS')
    assert w.compared() == 2
    # What becomes of it out there is nobody's business; then it comes back.
    said = len(w.heard)
    w.a.flag('m-leaves', 'T', '.Private')
    w.settled()
    assert 'm-leaves' not in w.heard[said:]
    w.a.flag('m-leaves', 'S', '.Private')
    w.move('m-leaves', 'Private', 'Work')
    w.settled()
    assert w.files('Work') == ['m-comes', 'm-leaves']
    assert w.b.path_of('m-leaves', '.Work').endswith(':2,S')
    # Out and expunged there, in one look and in two.
    w.move('m-leaves', 'Work', 'Private')
    w.move('m-comes', 'Work', 'Private')
    w.a.expunge('m-comes', '.Private')
    w.settled()
    w.a.expunge('m-leaves', '.Private')
    w.settled()
    assert w.files('Work') == [] and w.files() == ['m-stays']
    # Born in view, and gone from it before anybody was told.
    w.hide('m-passes')
    w.a.run('write')
    w.move('m-passes', '', 'Private')
    w.settled()
    assert w.files() == ['m-stays']
    assert w.compared() == 2


@check
def a_copy_of_hidden_mail_is_whole(sites):
    w = Watched(sites, 'INBOX')
    for name in ('', 'Private'):
        w.folder(name)
    w.save('m-hello')
    w.save('m-origin', 'Private')
    w.secrets.add('m-origin')
    w.settled()
    # Nor does anything say where it was copied from.
    [hidden] = w.a.sql("SELECT lower(hex(fid)) FROM folder"
                       " WHERE path = 'Private'").split()
    w.secrets.add(hidden)
    old = w.a.path_of('m-origin', '.Private')
    os.link(old, os.path.join(w.a.mail, 'cur', 'm-copied:2,S'))
    w.a.line('m-copied')
    w.settled()
    assert w.files() == ['m-copied', 'm-hello']
    assert w.compared() == 1


@check
def who_has_not_its_segments_any_more_tells_the_same(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    for base in ('m-one', 'm-two', 'm-three'):
        w.save(base)
    w.settled()
    w.move('m-one', '', 'Private')
    w.a.run('write')
    w.move('m-two', '', 'Work')
    w.hide('m-four', 'Private')
    w.a.run('write')
    shutil.rmtree(os.path.join(w.a.state, 'log', 'alice'))
    w.sync()
    w.kept_secret()
    assert not json.loads(w.b.run('gap', 'list', '--json'))
    assert w.files() == ['m-three'] and w.files('Work') == ['m-two']
    assert w.compared() == 2


@check
def a_site_that_lost_its_state_is_told_its_view_again(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    w.save('m-hello')
    w.save('m-task', 'Work')
    w.save('m-gone', 'Work')
    w.hide('m-love', 'Private')
    w.settled()
    w.move('m-gone', 'Work', 'Private')
    w.settled()
    for site in (w.b, w.a):
        for base, _, names in os.walk(os.path.join(site.state, 'accounts')):
            for name in names:
                os.unlink(os.path.join(base, name))
        w.sync()
        w.settled()
        assert w.files() == ['m-hello'] and w.files('Work') == ['m-task']
        assert w.files('Private') is None
        assert [w.a.base(f) for f in w.a.files('.Work')] == ['m-task']
    w.save('m-after', 'Work')
    w.settled()
    assert w.files('Work') == ['m-after', 'm-task']


@check
def damage_under_a_view_is_found_and_mended(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    for base in ('m-one', 'm-two', 'm-three'):
        w.save(base)
    w.hide('m-love', 'Private')
    w.settled()
    # b goes without what it was told, and keeps what it was to forget.
    w.b.sql("UPDATE flag SET value = value; DELETE FROM dot WHERE message ="
            " (SELECT id FROM message WHERE base = 'm-one');"
            " UPDATE message SET dead = 1, todo = 1 WHERE base = 'm-one'")
    w.move('m-two', '', 'Private')
    w.b.run('scan', code=None)
    w.sync()
    w.settled()
    assert w.files() == ['m-one', 'm-three'], w.files()


@check
def what_users_of_the_peer_brought_in_stays_there(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work'):
        w.folder(name)
    w.save('m-hello')
    w.save('m-task', 'Work')
    w.settled()
    w.b.save('m-mine', '.Work')
    w.b.run('sync')
    w.show('INBOX')
    w.sync()
    assert w.files('Work') == ['m-mine']


@check
def a_peer_that_lets_nothing_be_expunged_keeps_what_leaves_its_view(sites):
    w = Watched(sites, 'INBOX', 'Work')
    w.b.more = w.b.more.replace('via =', 'accept = { "no expunge" } via =')
    w.b.write_config()
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    for base in ('m-one', 'm-two'):
        w.save(base)
    w.save('m-task', 'Work')
    w.settled()
    w.move('m-one', '', 'Private')
    w.show('INBOX')
    w.settled()
    assert w.files() == ['m-one', 'm-two'] and w.files('Work') == ['m-task']
    assert w.compared() == 1
    # It comes back, and is there once.
    w.a.flag('m-task', 'S', '.Work')
    w.show('INBOX', 'Work')
    w.move('m-one', 'Private', '')
    w.settled()
    assert w.files() == ['m-one', 'm-two'] and w.files('Work') == ['m-task']
    assert w.b.path_of('m-task', '.Work').endswith(':2,S')
    assert w.compared() == 2


def guarded(sites, *names):
    """b asks before more than half of four mails or more goes; eight lie in
    each folder of a's, INBOX and those named, and b is shown all."""
    w = Watched(sites)
    w.b.accounts = w.b.accounts.replace(
        '" }', '" guard = "50%" guard_least = 4 }')
    w.b.write_config()
    w.a.accounts = w.a.accounts.replace('" }', '" guard = "100%" }')
    for name in ('', *names):
        w.folder(name)
        for i in range(8):
            w.save('m-%s%d' % (name, i), name)
    w.settled()
    return w


def waits(w, *words):
    """For the operator at b, who is told so by whoever is asked."""
    w.a.run('sync')
    w.b.run('sync', code=3)
    w.b.says(*words)
    said = w.b.run('status', code=3)
    for word in words:
        assert word in said, (word, said)


def inodes(w, name):
    path = os.path.join(w.b.mail, '.' + name, 'cur')
    return {w.b.base(file): os.stat(os.path.join(path, file)).st_ino
            for file in os.listdir(path)}


@check
def a_folder_that_is_shown_no_more_is_asked_for_first(sites):
    w = guarded(sites, 'Work')
    there = w.files('Work')
    assert len(there) == 8
    lie, uids = inodes(w, 'Work'), w.b.uids('.Work')
    w.show('INBOX')
    said = 'peer a no longer shows'
    waits(w, said + ' folder Work: 8 messages would go, the mail is kept',
          'packetboat guard accept alice Work')
    [folder] = json.loads(w.b.run('status', '--json', code=3))[
        'accounts'][0]['folders']
    assert folder['guarded_not_shown'] == 8, folder
    assert folder['not_shown_by'] == w.a.name, folder
    # All else goes on, and what waits is no news to anybody.
    w.hide('m-later', 'Work')
    w.save('m-hello')
    logged = w.b.log()
    waits(w, said)
    assert w.b.log() == logged
    assert w.files('Work') == there and 'm-hello' in w.files()
    assert w.files('Work-kept') is None
    # It was a mistake: nothing has to be said, and nothing is fetched again.
    w.secrets.clear()
    w.show()
    w.settled()
    w.b.run('status')
    assert w.files('Work') == sorted(there + ['m-later'])
    now = inodes(w, 'Work')
    assert {base: now[base] for base in there} == lie
    assert all(w.b.uids('.Work')[uid] == base for uid, base in uids.items())
    assert w.compared() == 2
    # It was meant.
    w.show('INBOX')
    waits(w, said + ' folder Work: 9 messages')
    w.b.run('guard', 'accept', 'alice', 'Work')
    w.settled()
    assert w.files('Work') is None
    w.b.run('status')


@check
def mail_that_is_moved_out_of_view_is_asked_for_first(sites):
    w = guarded(sites, 'Work')
    w.folder('Private')
    w.show('INBOX', 'Work')
    w.settled()
    for i in range(3):
        w.move('m-%d' % i, '', 'Private')
    w.settled()
    assert len(w.files()) == 5
    # With those of this hour it is a mass.
    for i in range(3, 6):
        w.move('m-%d' % i, '', 'Private')
    waits(w, 'peer a no longer shows 3 messages of folder INBOX: they would go',
          'guard accept alice INBOX')
    # An expunge of that folder waits with them.
    w.a.expunge('m-6')
    waits(w, 'peer a no longer shows 3 messages of folder INBOX: they would go;'
          ' 1 expunges by peers wait, the mail is kept')
    assert len(w.files()) == 5
    # One comes back, one is expunged where nobody sees it.
    w.move('m-3', 'Private', '')
    w.a.expunge('m-4', '.Private')
    waits(w, 'peer a no longer shows 2 messages of folder INBOX')
    w.b.run('guard', 'accept', 'alice', 'INBOX')
    w.settled()
    assert w.files() == ['m-3', 'm-7']
    assert w.compared() == 2


@check
def users_do_as_they_like_with_what_waits(sites):
    w = guarded(sites, 'Work')
    w.show('INBOX')
    waits(w, 'no longer shows folder Work')
    w.b.folder('.Mine', guid='f')
    path = os.path.join(w.b.mail, '.%s', 'cur', 'm-Work%d:2,')
    os.rename(path % ('Work', 0), path % ('Mine', 0))
    w.b.line('m-Work0', '.Mine')
    os.link(path % ('Work', 1), path % ('Mine', 1))
    w.b.line('m-Work1', '.Mine')
    os.unlink(path % ('Work', 2))
    w.b.flag('m-Work3', 'F', '.Work')
    waits(w, 'no longer shows folder Work: 6 messages')
    # What they saved there themselves stays there.
    w.b.save('m-own', '.Work')
    w.b.run('guard', 'accept', 'alice')
    w.sync()
    assert w.files('Work') == ['m-own']
    assert w.files('Mine') == ['m-Work0', 'm-Work1']
    w.show()
    w.sync()
    assert w.files('Work') == ['m-Work%d' % i for i in range(8)] + ['m-own']
    assert w.files('Mine') == ['m-Work0', 'm-Work1']


@check
def another_folder_takes_the_name_of_one_that_waits(sites):
    w = guarded(sites, 'Work')
    w.show('INBOX', 'Work')
    os.rename(os.path.join(w.a.mail, '.Work'),
              os.path.join(w.a.mail, '.Old'))
    w.a.folder('.Work', guid='e')
    w.save('m-new', 'Work')
    waits(w, 'peer a no longer shows folder')
    assert w.files('Work') == ['m-new']
    assert len(w.files('Work-kept')) == 8
    w.b.run('guard', 'accept', 'alice')
    w.sync()
    assert w.files('Work') == ['m-new'] and w.files('Work-kept') is None


@check
def held_mail_that_leaves_the_view_is_held_no_more(sites):
    w = Watched(sites, 'INBOX', 'Work')
    w.link('via = "dir:%s" hold = 1K preview = yes' % w.carrier)
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    for base, name in (('m-charts', ''), ('m-tides', ''), ('m-crew', 'Work'),
                       ('m-love', 'Private')):
        w.save(base, name, 'Subject: all of %s\n\n%s' % (
            base, ('%s\n' % base) * 200))
    w.secrets.add('m-love')

    def held():
        return sorted(one['folder']
                      for one in json.loads(w.a.run('held', '--json')))

    w.sync()
    w.kept_secret()
    assert held() == ['INBOX', 'INBOX', 'Work'], held()
    assert len(w.files()) == 2 and len(w.files('Work')) == 1
    for one in json.loads(w.a.run('held', '--json')):
        w.a.run('held', 'release', 'b', one['id'])
    # Out of view before it goes: by its folder, or by itself.
    w.show('INBOX')
    w.move('m-tides', '', 'Private')
    w.sync()
    assert held() == [], held()
    assert w.files() == ['m-charts'] and w.files('Work') is None
    assert 'm-crew\n' * 9 not in w.heard
    # What comes back is held as it was, and goes when it is let go.
    w.show('INBOX', 'Work')
    w.sync()
    assert held() == ['Work'] and len(w.files('Work')) == 1
    [one] = json.loads(w.a.run('held', '--json'))
    w.a.run('held', 'release', 'b', one['id'])
    w.settled()
    assert held() == [] and w.files('Work') == ['m-crew']
    assert w.compared() == 2


@check
def a_bundle_that_lies_here_is_taken_back_with_what_it_shows(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work'):
        w.folder(name)
    w.save('m-hello')
    w.settled()
    away, down = w.a.path('away'), w.a.path('down')
    os.mkdir(away)
    open(down, 'w').close()
    script = w.a.path('carry')
    with open(script, 'w') as file:
        file.write('#!/bin/sh\ntest $1 = send || exit 0\n'
                   'test ! -e %s || exit 75\ncp "$2" %s\n' % (down, away))
    os.chmod(script, 0o755)
    w.link('via = "exec:%s"' % script)
    w.hide('m-task', 'Work')
    w.a.run('sync', code=4)
    w.show('INBOX')
    w.a.run('sync', code=4)
    os.unlink(down)
    w.save('m-after')
    w.a.run('sync', code=None)
    w.carrier = away
    assert w.listen()
    for name in sorted(os.listdir(away)):
        w.b.run('apply', os.path.join(away, name))
    w.kept_secret()
    assert w.files() == ['m-after', 'm-hello'] and w.files('Work') is None


@check
def a_key_changes_while_a_view_does(sites):
    w = Watched(sites, 'INBOX', 'Work')
    for name in ('', 'Work', 'Private'):
        w.folder(name)
    w.save('m-hello')
    w.save('m-task', 'Work')
    w.hide('m-love', 'Private')
    w.settled()
    late = w.a.path('late')
    w.save('m-late', 'Work')
    w.a.run('write')
    w.a.run('ship', 'b', '--output', late)
    for site, other in ((w.a, w.b), (w.b, w.a)):
        old, site.key = site.key, site.run('key', 'rotate').strip()
        w.show('INBOX') if site is w.a else w.show('INBOX', 'Work')
        w.sync()
        other.more = other.more.replace(old, site.key)
        other.write_config()
        w.sync()
        site.run('key', 'retire')
        if site is w.a:
            assert w.files('Work') is None
            # What was made before brings nothing back.
            w.b.run('apply', late, code=None)
            assert w.files('Work') is None
    w.settled()
    assert w.files('Work') == ['m-late', 'm-task']
    assert w.compared() == 2


@check
def a_view_that_is_nothing_is_refused(sites):
    w = Watched(sites)
    w.a.more = w.a.more.replace('via', 'changes = "receive" send = { "A" } via')
    w.a.write_config()
    w.a.run('config', code=2)
    w.a.says('nothing goes to this peer')
    w.a.more = w.a.more.replace('changes = "receive" send = { "A" }', '')
    w.a.more = w.a.more.replace('via', 'send = {} via')
    w.a.write_config()
    w.a.run('config', code=2)
    w.a.says('names none')
    w.a.more = w.a.more.replace('send = {}', '')
    w.show('A/%', '!A/b')
    assert 'send = { "A/%", "!A/b" }' in w.a.run('config')


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
