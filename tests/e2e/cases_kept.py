"""What Dovecot keeps besides mail (docs/operations.md has the table), and
accounts that fail beside others that do not."""

import json
import os
import re
import shutil
import subprocess
import time

import compare
from cases import USER, CaseError, Pair, demand, mail_of, without
from compare import differences
from randomuser import RandomUser

COMPRESSED = """
mail_plugins = zlib
plugin {
  zlib_save = gz
}
"""
ENCRYPTED = """
mail_plugins = mail_crypt
plugin {
  mail_crypt_global_private_key = <%(key)s
  mail_crypt_global_public_key = <%(public)s
  mail_crypt_save_version = 2
}
"""
NAMESPACE = """
namespace more {
  prefix = More.
  separator = .
  location = maildir:~/more
}
"""
QUOTA_COUNT = """
mail_plugins = quota
plugin {
  quota = count:User quota
  quota_rule = *:storage=%s
  quota_vsizes = yes
}
"""
QUOTA = """
mail_plugins = quota
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=100M
}
"""


def kept(case):
    """Line by line: replicated, handled, or left alone at both sites."""
    for part in (_left_alone, _letters, _keywords, _uidvalidity, _modes,
                 _names, _namespaces, _compressed, _encrypted, _quota,
                 _quota_count, _searched, _of_the_index, _empty_names,
                 _copied_and_linked):
        case.say(part.__name__)
        part(case.inner())
        case.close()


def _put(dovecot, path, text):
    with open(path, 'w') as file:
        file.write(text)
    os.chown(path, dovecot.uid, dovecot.gid)


def _read(path):
    with open(path) as file:
        return file.read()


def _left_alone(case):
    """ACLs, attributes, Sieve: at each site its own, whole, after rounds of
    changes to the folder that they lie in; they go with its new name."""
    both = Pair(case)
    user = RandomUser(both.source, USER, case.args.seed, avoid=(b'Team',))
    case.users.append(user)
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Team')
    imap.append(b'Team', mail_of(case, b'pb-team'))
    both.join()
    both.equal()
    own = {}
    for dovecot in (both.source, both.target):
        root = dovecot.maildir(USER)
        for name in ('.Team/dovecot-acl', 'dovecot-acl-list',
                     '.Team/dovecot-attributes', 'dovecot-attributes',
                     'sieve/own.sieve', 'sieve/own.svbin'):
            where = dovecot.home(USER) if 'sieve' in name else root
            path = os.path.join(where, name)
            if not os.path.isdir(os.path.dirname(path)):
                os.makedirs(os.path.dirname(path))
                os.chown(os.path.dirname(path), dovecot.uid, dovecot.gid)
            own[path] = 'of %s: %s\n' % (dovecot.name, name)
            _put(dovecot, path, own[path])
    for _ in range(2):
        user.ops(case.args.ops)
        imap.append(b'Team', mail_of(case, b'pb-more'))
        both.equal()
    both.clean()
    imap.ok(b'RENAME', b'Team', b'Crew')
    imap.close()
    both.equal()
    both.clean()
    demand([path for path, text in own.items()
            if _read(path.replace('.Team', '.Crew')) != text],
           'not as it was at its site')


def _keywords(case):
    """26 in a folder; those beyond stay in Dovecot's index.  Where a site
    has some of its own not all find room: said, and not taken for removed."""
    both = Pair(case)
    imap = both.source.imap(USER)
    names = [b'many%02d' % number for number in range(30)]
    for name in names[:26]:
        imap.append(b'INBOX', mail_of(case, name))
    imap.select(b'INBOX')
    for number, name in enumerate(names[:26]):
        imap.ok(b'STORE', b'%d' % (number + 1), b'+FLAGS', b'(' + name + b')')
    both.join()
    both.equal()
    imap.ok(b'STORE', b'1:4', b'+FLAGS', b'(' + b' '.join(names[26:]) + b')')
    both.write()
    both.carry()
    # Nobody can see them from outside; what can be seen is not disturbed.
    shown = compare.take(both.target, USER).folders[(b'INBOX',)].messages
    demand([str(uid) for number, (uid, message) in
            enumerate(sorted(shown.items()))
            if message.keywords != {names[number]}],
           'keywords differ')
    imap.close()
    _crowded(case, both)
    both.check()


def _crowded(case, both):
    """The target's user has five keywords of their own; the source 25 more."""
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Full')
    imap.append(b'Full', mail_of(case, b'pb-full'))
    both.write()
    both.carry()
    local = both.target.imap(USER)
    local.select(b'Full')
    local.ok(b'STORE', b'1', b'+FLAGS', b'(own1 own2 own3 own4 own5)')
    local.close()
    both.to_site.run('write')
    imap.select(b'Full')
    imap.ok(b'STORE', b'1', b'+FLAGS',
            b'(' + b' '.join(b'k%02d' % n for n in range(25)) + b')')
    imap.close()
    both.write()
    both.from_site.run('ship')
    both.to_site.run('sync', ok=(0, 3))
    both.to_site.run('sync', ok=(0, 3))
    both.from_site.run('sync')
    status = json.loads(both.to_site.run('status', '--json', ok=(0, 3)))
    if not status['accounts'][0]['unplaced']:
        raise CaseError('status does not tell of a 27th keyword')
    both.to_site.run('write')
    logs = [os.path.join(where, name) for where, _, files in
            os.walk(os.path.join(both.to_site.state, 'log'))
            for name in files if name.endswith('.changes')]
    demand(re.findall(r' flags .* -k\d\d.*', both.to_site.run('log', *logs)),
           'what found no room was taken for removed')
    message, = compare.take(both.target, USER).folders[
        (b'Full',)].messages.values()
    if len(message.keywords) != 26 or not {
            b'own%d' % n for n in range(1, 6)} <= message.keywords:
        raise CaseError('not 26 keywords with those of the user: %r'
                        % sorted(message.keywords))


def _uidvalidity(case):
    """What the target's Dovecot creates later is above all that was placed
    there."""
    both = Pair(case)
    imap = both.source.imap(USER)
    path = os.path.join(both.source.maildir(USER), 'dovecot-uidvalidity')
    imap.ok(b'CREATE', b'First')
    for name in os.listdir(os.path.dirname(path)):
        if name.startswith('dovecot-uidvalidity'):
            os.unlink(os.path.join(os.path.dirname(path), name))
    high = '%08x' % (int(time.time()) + 1000000)
    _put(both.source, path, high)
    _put(both.source, path + '.' + high, '')
    imap.ok(b'CREATE', b'High')
    imap.append(b'High', mail_of(case, b'pb-high'))
    imap.close()
    both.join()
    picture = both.equal()
    local = both.target.imap(USER)
    local.ok(b'CREATE', b'Later')
    status = local.status(b'Later')
    local.close()
    if int(status[b'UIDVALIDITY']) <= picture.folders[
            (b'High',)].uidvalidity:
        raise CaseError('UIDVALIDITY goes back')
    both.clean()


def _compressed(case):
    """Files are copied as they are; sizes and bytes over IMAP agree."""
    extra = {'extra': COMPRESSED}
    both = Pair(case, source=extra, target=extra)
    user = RandomUser(both.source, USER, case.args.seed, drops=False)
    case.users.append(user)
    user.ops(case.args.ops)
    both.join()
    both.equal()
    user.ops(case.args.ops)
    both.equal()
    both.clean()
    both.check()


def _quota(case):
    """quota=maildir: after mail was placed or removed maildirsize is gone, and
    Dovecot's next count is right, as a recount by hand is."""
    extra = {'extra': QUOTA}
    both = Pair(case, source=extra, target=extra)
    user = RandomUser(both.source, USER, case.args.seed, drops=False)
    case.users.append(user)
    user.ops(case.args.ops)
    both.join()
    both.equal()
    user.ops(case.args.ops)
    both.equal()
    _same_quota(both)
    both.clean()


def _counted(dovecot):
    """(bytes, messages) of the quota."""
    lines = dovecot.doveadm('-f', 'tab', 'quota', 'get', '-u', USER)
    return [line.split(b'\t')[2] for line in lines.splitlines()[1:]]


def _same_quota(both):
    """As it stands at the target, and counted anew at both."""
    said = [_counted(both.target)]
    for dovecot in (both.source, both.target):
        dovecot.doveadm('quota', 'recalc', '-u', USER)
        said.append(_counted(dovecot))
    if len(said[0]) != 2 or any(one != said[0] for one in said):
        raise CaseError('quota differs: %r' % said)


def _quota_count(case):
    """quota=count counts by itself; a quota that is full keeps clients out,
    and not what is placed."""
    both = Pair(case, source={'extra': QUOTA_COUNT % '100M'},
                target={'extra': QUOTA_COUNT % '20K'})
    user = RandomUser(both.source, USER, case.args.seed, drops=False)
    case.users.append(user)
    user.ops(case.args.ops)
    imap = both.source.imap(USER)
    for number in range(3):
        imap.append(b'INBOX', mail_of(case, b'pb-quota') + b'x' * 10000)
    imap.close()
    both.join()
    both.equal()
    _same_quota(both)
    local = both.target.imap(USER)
    answer = local.cmd(b'APPEND', b'INBOX', bytearray(b'a: b\r\n\r\n'))
    local.close()
    if answer.status != b'NO' or b'OVERQUOTA' not in answer.text:
        raise CaseError('the quota is not full: %r' % answer.text)
    both.clean()


def _letters(case):
    """Letters that are no flag of IMAP are kept, there too when flags of the
    message change."""
    both = Pair(case)
    imap = both.source.imap(USER)
    imap.append(b'INBOX', mail_of(case, b'pb-letters'))
    imap.select(b'INBOX')
    cur = os.path.join(both.source.maildir(USER), 'cur')
    name, = (n for n in os.listdir(cur) if n.startswith('1'))
    os.rename(os.path.join(cur, name), os.path.join(
        cur, name.partition(':')[0] + ':2,PSX'))
    both.join()
    both.equal()

    def letters():
        there = os.path.join(both.target.maildir(USER), 'cur')
        name, = (n for n in os.listdir(there) if n.startswith('1'))
        return name.partition(':2,')[2]

    if letters() != 'PSX':
        raise CaseError('letters are %s' % letters())
    imap.ok(b'STORE', b'1', b'+FLAGS', b'(\\Flagged)')
    imap.ok(b'STORE', b'1', b'-FLAGS', b'(\\Seen)')
    imap.close()
    both.equal()
    if sorted(letters()) != ['F', 'P', 'X']:
        raise CaseError('letters are %s' % letters())
    both.clean()


def _modes(case):
    """Folders and files get the modes that the target's Dovecot would have
    given them."""
    both = Pair(case)
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Placed')
    imap.append(b'Placed', mail_of(case, b'pb-placed'), b'kw1')
    imap.close()
    root = both.target.maildir(USER)
    os.chmod(root, 0o2770)
    local = both.target.imap(USER)
    local.ok(b'CREATE', b'Own')
    local.append(b'Own', mail_of(case, b'pb-own'), b'kw1')
    local.close()
    both.join()
    both.write()
    both.carry()

    def modes(folder):
        top = os.path.join(root, folder)
        return {re.sub(r'^[0-9].*', 'mail', name): '%o' % os.stat(
            os.path.join(where, name)).st_mode
                for where, folders, files in os.walk(top)
                for name in folders + files + ['.']
                if not name.startswith('dovecot.index')}

    placed, own = modes('.Placed'), modes('.Own')
    if placed != own:
        raise CaseError('placed: %r, made here: %r' % (placed, own))
    both.clean()


def _names(case):
    """A name that the other layout cannot hold: said at each run, nothing
    else waits for it, and renamed it is placed."""
    both = Pair(case, source={'layout': 'fs'})
    imap = both.source.imap(USER)
    for name in (b'v1.2', b'Work'):
        imap.ok(b'CREATE', name)
        imap.append(name, mail_of(case, b'pb-' + name))
    both.join()
    before = without(compare.take(both.source, USER), (b'v1.2',))
    both.write()
    both.from_site.run('ship')
    for _ in range(2):
        size = os.path.getsize(both.to_site.log)
        both.to_site.run('sync', ok=(3,))
        said = both.to_site.log_since(size)
        if 'v1.2' not in said:
            raise CaseError('it is not said:\n' + said)
    demand(differences(before, compare.take(both.target, USER)),
           'the other folders differ')
    imap.ok(b'RENAME', b'v1.2', b'v1-2')
    imap.close()
    both.equal()
    both.clean()


def _namespaces(case):
    """Only the tree below maildir: another namespace stays as it is."""
    extra = {'extra': NAMESPACE}
    both = Pair(case, source=extra, target=extra)
    others = {}
    for dovecot in (both.source, both.target):
        imap = dovecot.imap(USER)
        name = b'More.of-' + dovecot.name.encode()
        imap.ok(b'CREATE', name)
        imap.append(name, mail_of(case, b'pb-more'))
        imap.append(b'INBOX' if dovecot is both.source else name,
                    mail_of(case, b'pb-mail'))
        imap.close()
        others[dovecot] = {parts: folder for parts, folder in
                           compare.take(dovecot, USER).folders.items()
                           if parts[0] == b'More'}
    both.join()
    both.write()
    both.carry()
    shown = [compare.take(dovecot, USER)
             for dovecot in (both.source, both.target)]
    demand(differences(*(without(picture, *others[both.source],
                                 *others[both.target])
                         for picture in shown)), 'the Maildirs differ')
    for dovecot, picture in zip(others, shown):
        if {parts: folder for parts, folder in picture.folders.items()
                if parts[0] == b'More'} != others[dovecot]:
            raise CaseError('the other namespace changed at %s'
                            % dovecot.name)
    both.clean()


def _encrypted(case):
    """Files are copied as they are; with the same keys both can read them,
    and nobody else."""
    key = os.path.join(case.directory, 'key')
    for command in (('genpkey', '-algorithm', 'EC', '-pkeyopt',
                     'ec_paramgen_curve:prime256v1', '-out', key),
                    ('pkey', '-in', key, '-pubout', '-out', key + '.pub')):
        subprocess.run(('openssl',) + command, check=True,
                       stderr=subprocess.DEVNULL)
    extra = {'extra': ENCRYPTED % {'key': key, 'public': key + '.pub'}}
    both = Pair(case, source=extra, target=extra)
    user = RandomUser(both.source, USER, case.args.seed, drops=False)
    case.users.append(user)
    user.ops(case.args.ops)
    imap = both.source.imap(USER)
    imap.append(b'INBOX', mail_of(case, b'pb-secret'))
    imap.close()
    both.join()
    both.equal()
    user.ops(case.args.ops)
    both.equal()
    cur = os.path.join(both.target.maildir(USER), 'cur')
    for name in os.listdir(cur):
        if not name.startswith('.'):
            with open(os.path.join(cur, name), 'rb') as file:
                if not file.read().startswith(b'CRYPTED'):
                    raise CaseError('%s is not encrypted' % name)
    both.clean()
    both.check()


def _searched(case):
    """SEARCH finds what was placed, and nothing that is gone."""
    both = Pair(case)
    imap = both.source.imap(USER)
    both.join()
    target = both.target.imap(USER)
    found = []
    for number in range(3):
        word = b'needle%d' % number
        imap.append(b'INBOX', mail_of(case, b'pb-search') + word + b'\r\n')
        both.equal()
        target.select(b'INBOX')
        answer = target.ok(b'UID', b'SEARCH', b'BODY', word)
        found.append([int(uid) for line in answer.untagged
                      if line.kind == b'SEARCH' for uid in line.items[1:]])
        if found != [[n + 1] for n in range(number + 1)]:
            raise CaseError('found %r' % found)
    imap.select(b'INBOX')
    imap.ok(b'STORE', b'2', b'+FLAGS', b'(\\Deleted)')
    imap.ok(b'EXPUNGE')
    imap.close()
    both.equal()
    target.select(b'INBOX')
    answer = target.ok(b'UID', b'SEARCH', b'BODY', b'needle1')
    target.close()
    if [line.items[1:] for line in answer.untagged
            if line.kind == b'SEARCH' and line.items[1:]]:
        raise CaseError('what is gone is found')
    both.clean()


def _highest(dovecot):
    imap = dovecot.imap(USER)
    status = imap.status(b'INBOX', b'HIGHESTMODSEQ')
    imap.close()
    return int(status[b'HIGHESTMODSEQ'])


def _of_the_index(case):
    """What Dovecot has in its index: modification sequences, which an
    administrator may raise for clients that come from the other server, and
    the date of saving, which is that of placing."""
    both = Pair(case)
    imap = both.source.imap(USER)
    for number in range(3):
        imap.append(b'INBOX', mail_of(case, b'pb-index'),
                    date=b'01-Feb-2020 03:04:05 +0000')
    imap.select(b'INBOX')
    for _ in range(5):
        imap.ok(b'STORE', b'1:3', b'+FLAGS', b'(\\Flagged)')
        imap.ok(b'STORE', b'1:3', b'-FLAGS', b'(\\Flagged)')
    before = int(time.time())
    both.join()
    both.equal()
    lines = both.target.doveadm('-f', 'tab', 'fetch', '-u', USER,
                                'date.saved.unixtime', 'mailbox', 'INBOX')
    demand([line.decode() for line in lines.split()[1:]
            if int(line) < before], 'saved before it was placed')
    most = _highest(both.source) + 1000
    both.target.doveadm('mailbox', 'update', '--min-highest-modseq',
                        str(most), '-u', USER, 'INBOX')
    both.no_echo()
    imap.ok(b'STORE', b'1', b'+FLAGS', b'(\\Seen)')
    imap.close()
    both.equal()
    if _highest(both.target) <= most:
        raise CaseError('HIGHESTMODSEQ was not raised')
    both.clean()
    both.check()


def _empty_names(case):
    """The directory that LAYOUT=fs keeps of a name is no folder of ours."""
    both = Pair(case, source={'layout': 'fs'}, target={'layout': 'fs'})
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Up/Down')
    imap.append(b'Up/Down', mail_of(case, b'pb-down'))
    both.join()
    both.equal()
    imap.ok(b'DELETE', b'Up/Down')
    left = os.path.isdir(os.path.join(both.source.maildir(USER), 'Up'))
    imap.close()
    both.write()
    both.carry()
    pictures = [compare.take(dovecot, USER)
                for dovecot in (both.source, both.target)]
    demand(differences(*(without(picture, (b'Up',))
                         for picture in pictures)), 'the folders differ')
    if not left or (b'Up', b'Down') in pictures[1].folders:
        raise CaseError('the name is not left empty, or the folder is there')
    both.clean()


def _copied_and_linked(case):
    """`cp -a` of a folder: two folders with one GUID.  A symbolic link to
    one is not followed: what comes through it is the folder's."""
    both = Pair(case)
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Work')
    imap.append(b'Work', mail_of(case, b'pb-work'))
    both.join()
    both.equal()
    root = both.source.maildir(USER)
    subprocess.run(('cp', '-a', root + '/.Work', root + '/.Copy'), check=True)
    os.symlink('.Work', root + '/.Link')
    for _ in range(2):
        both.write()
        both.carry()
        pictures = [compare.take(dovecot, USER)
                    for dovecot in (both.source, both.target)]
        if (b'Link',) in pictures[1].folders or \
                (b'Copy',) not in pictures[1].folders:
            raise CaseError('the target has %s' % sorted(pictures[1].folders))
        demand(differences(*(without(picture, (b'Link',))
                             for picture in pictures)), 'the folders differ')
        for name in (b'Copy', b'Link'):
            imap.append(name, mail_of(case, b'pb-into-' + name))
    imap.close()
    both.clean()


# A mass of expunges.

MASS, MOST = 110, 80


def guarded(case):
    """A client expunges most of a folder: it waits at its site, then at the
    other, whose clients have all of it until somebody says so there too."""
    both = Pair(case)
    imap = both.source.imap(USER)
    imap.ok(b'CREATE', b'Big')
    for i in range(MASS):
        imap.append(b'Big', mail_of(case, b'pb-mass-%d' % i))
    both.join()
    both.equal()
    imap.select(b'Big')
    kept = imap.uids()[MOST:]
    imap.ok(b'STORE', b'1:%d' % MOST, b'+FLAGS', b'(\\Deleted)')
    both.equal()
    imap.ok(b'EXPUNGE')
    both.from_site.run('write', ok=(3,))
    both.from_site.run('guard', 'accept', USER, 'Big')
    both.from_site.run('write')
    imap.append(b'Big', mail_of(case, b'pb-mass-more'))
    imap.ok(b'UID', b'STORE', b'%d' % kept[0], b'+FLAGS', b'(\\Flagged)')
    compare.take(both.source, USER)
    both.from_site.run('sync')
    both.to_site.run('sync', ok=(3,))
    both.to_site.run('status', ok=(3,))
    there = both.target.imap(USER)
    there.select(b'Big')
    if len(there.uids()) != MASS + 1:
        raise CaseError('%d messages at the target' % len(there.uids()))
    flagged = there.ok(b'UID', b'SEARCH', b'FLAGGED').untagged
    if b'%d' % kept[0] not in repr(flagged).encode():
        raise CaseError('a flag waited too: %r' % flagged)
    both.to_site.run('write')
    both.no_echo()
    user = RandomUser(both.source, USER, case.args.seed, avoid=(b'Big',))
    case.users.append(user)
    user.ops(case.args.ops)     # and all else goes on
    compare.take(both.source, USER)
    both.from_site.run('sync')
    both.to_site.run('sync', ok=(3,))
    both.to_site.run('guard', 'accept', USER, 'Big')
    both.equal()
    both.to_site.run('status')
    both.clean()
    both.check()


# Accounts that fail.

def failing(case):
    """One account's failure stops no other: at the source, at the target,
    and an account that is not at the target at all."""
    users = ('5001', '5002', '5003')
    both = Pair(case, users, {'owners': users}, {'owners': users},
                pattern=True)
    random_users = {user: RandomUser(both.source, user, case.args.seed)
                    for user in users}
    case.users += random_users.values()

    def change():
        for user in random_users.values():
            user.ops(case.args.ops)
        for user in users:
            compare.take(both.source, user)     # UIDs for what is in new/

    def carry(source, target):
        both.from_site.run('write', ok=(source,))
        both.from_site.run('ship')
        both.to_site.run('sync', ok=(target,))
        both.from_site.run('sync', ok=(source,))

    def same(*names):
        for user in names:
            demand(differences(compare.take(both.source, user),
                               compare.take(both.target, user)),
                   '%s differs' % user)

    change()
    away = os.path.join(both.target.root, 'away')
    os.rename(both.target.home('5003'), away)   # no such account there
    both.join()
    carry(0, 3)
    same('5001', '5002')
    os.rename(away, both.target.home('5003'))
    carry(0, 0)     # the source was told to send no more of it: now hears
    carry(0, 0)
    same(*users)

    change()
    case.say('mail of 5001 is not at the source')
    random_users['5001'].close()    # nobody has it open meanwhile
    path = both.source.maildir('5001')
    os.rename(path, path + '.away')
    _empty_maildir(both.source, '5001')
    carry(3, 0)
    same('5002', '5003')
    shutil.rmtree(path)
    os.rename(path + '.away', path)
    carry(0, 0)
    same(*users)

    change()
    case.say('the UID list of 5002 cannot be read at the target')
    uidlist = os.path.join(both.target.maildir('5002'), 'dovecot-uidlist')
    text = _read(uidlist)
    with open(uidlist, 'w') as file:
        file.write('no uidlist at all\n')
    both.from_site.run('sync')
    both.to_site.run('sync', ok=(1, 3))
    same('5001', '5003')
    with open(uidlist, 'w') as file:
        file.write(text)
    carry(0, 0)
    same(*users)
    both.clean()
    both.check()


def _empty_maildir(dovecot, user):
    path = dovecot.maildir(user)
    for sub in ('', 'cur', 'new', 'tmp'):
        os.mkdir(os.path.join(path, sub))
        os.chown(os.path.join(path, sub), *dovecot.owner(user))


CASES = {case.__name__: case for case in (kept, guarded, failing)}
