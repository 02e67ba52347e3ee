"""What a way (way.py) came to: the mail at both sites, every file that lies
there, what was logged, what status says.  Nothing but the logs and status is
read by the programs themselves."""

import collections
import json
import os
import re

import mailmaker

# What no program may leave when all is quiet.
LEFTOVER = re.compile(
    r'(\.tmp|\.new|\.part|\.parcel|\.body|/[-0-9a-f]{33}\.(pb|ok)|/refused/.*'
    r'|/tmp/[^/]+|dovecot-[a-z]*\.lock|subscriptions\.lock(\.[^/]*)?'
    r'|,packetboat|/\.packetboat/(build|moving)/.+)$')
TRASH = '/.packetboat/trash/'

# Names that are others each time.
NAMES = (
    (re.compile(r'/[0-9a-f]{16}-[0-9a-f]{16}\.changes$'), '/*.changes'),
    (re.compile(TRASH + '[^/]+/'), TRASH + '*/'),
    (re.compile(r'(dovecot-uidvalidity)\.[0-9a-f]{8}$'), r'\1.*'),
    (re.compile(r'(/cur/[^/]*:2,[^a-z/]*)[a-z]*$'), r'\1'),
)
# A log may be in more segments, and what was removed in more batches.
MANY = re.compile(r'\*\.changes$|' + TRASH)

# A change as `packetboat log` prints it: "  <lsn> <time> <change>".
CHANGE = re.compile(r'  \d+ \S+ (?!statement)(.*)')
DOT = re.compile(r'\b([0-9a-f]{16}(@[0-9a-f]{32})?):\d+')
# If nothing was received yet, an INBOX is a site's own.
OWN_INBOX = 'folder "INBOX" "INBOX"'
ACCOUNT_LOG = re.compile(r'/[ab]/log(/alice(/0{32}(/\*\.changes)?)?)?$')
FOLDER = re.compile(r'folder ([0-9a-f]{32}) (".*")$', re.M)
# Of the clock: not one that mailmaker gives.
VALIDITY = re.compile(r'uidvalidity (?!170000)\d{9,}\b')
# A UID that its home gave later, and what that makes of the folder.
GIVEN = re.compile(r'^(uid \S+ uid|identity .* uidnext) \d+')
# Of status, what tells no two ends apart.
PASSING = ('origin', 'received', 'awaited_s', 'lag_s', 'local_changes',
           'free_bytes', 'logs', 'logs_from_state', 'now_ms', 'sent', 'calls',
           'answered', 'clears_s', 'not_applied_there_s')


class Ids:
    """Folder ids, of which some are random, by the names of their folders."""

    def __init__(self):
        self.names = {}

    def learn(self, text):
        self.names.update(FOLDER.findall(text))

    def hide(self, text):
        for number, name in self.names.items():
            text = text.replace(number, name)
        return text


def tree(root, ids):
    """How often there is what lies below root, by mode and path."""
    found = collections.Counter()
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            try:
                mode = os.stat(path).st_mode
            except FileNotFoundError:
                continue    # a daemon is at work
            path = path[len(root):]
            if TRASH in path and (name in names or ',packetboat' in name):
                continue    # a batch may be empty, a folder's tmp/ not
            for pattern, instead in NAMES:
                path = pattern.sub(instead, path)
            if ACCOUNT_LOG.match(path):
                continue
            line = '%o %s' % (mode, ids.hide(path))
            found[line] = 1 if MANY.search(path) else found[line] + 1
    return found


def logs(way, site):
    """All that lies in a site's logs, as text."""
    files = [os.path.join(directory, name)
             for directory, _, names in os.walk(
                 os.path.join(way.root, site, 'log'))
             for name in names if name.endswith('.changes')]
    return way.run('packetboat', site, 'log',
                   *sorted(files)).stdout if files else ''


def changes(text, ids):
    """How often each change was logged; lsn and stamp do not count."""
    return collections.Counter(
        VALIDITY.sub('uidvalidity', DOT.sub(r'\1', ids.hide(
            CHANGE.match(line).group(1))))
        for line in text.split('\n') if CHANGE.match(line)) - \
        collections.Counter([OWN_INBOX])


def without_passing(value):
    if isinstance(value, dict):
        return {key: without_passing(one) for key, one in value.items()
                if key not in PASSING}
    if isinstance(value, list):
        return [without_passing(one) for one in value]
    return value


class End:
    def __init__(self, way):
        self.alone = way.alone      # only the source's user changed mail
        self.gone = way.gone
        self.mail = {}
        self.logged = {}
        self.status = {}
        self.said = []      # what could not be looked at, what check says
        self.tree = None

    def left_over(self):
        return ['left over: ' + line for line in sorted(self.tree)
                if LEFTOVER.search(line) and TRASH not in line]

    def wrong_in_itself(self):
        """Without anything to compare it with."""
        said = self.said + self.left_over()
        if len(self.mail) < 2:
            return said
        if self.alone:
            return said + mailmaker.differences(
                self.mail['a'], self.mail['b'])
        return said + lost(self.mail['a'], self.mail['b'], self.gone)

    def wrong(self, right):
        """As against one that nothing disturbed."""
        said = self.wrong_in_itself()
        for site, name in (('a', 'source'), ('b', 'target')):
            if site in self.mail:
                said += ['not as undisturbed: ' + line for line in
                         mailmaker.differences(
                             right.mail[site], self.mail[site], name,
                             exact if self.alone else or_burnt)]
            said += counted('logged at ' + site,
                            *(logged[site] if self.alone else
                              without_given(logged[site])
                              for logged in (right.logged, self.logged)))
            if right.status[site] != self.status[site]:
                said.append('status of %s: %s, undisturbed %s' % (
                    site, self.status[site], right.status[site]))
        return said + counted('file', right.tree, self.tree)


def exact(one, other):
    return one == other


def or_burnt(one, other):
    """A UID that only one site gave may be a higher one: what was cut short
    cannot be told from what its user expunged."""
    return one and other and one[1:] == other[1:] and \
        one[0][0] <= other[0][0] and one[0][1:] == other[0][1:]


def without_given(logged):
    """What was logged, but for numbers that a burnt one makes higher (which
    they are is seen in the mail)."""
    found = collections.Counter()
    for line, times in logged.items():
        found[GIVEN.sub(r'\1 *', line)] += times
    return found


def lost(source, target, gone):
    """Bodies that the target lacks, but for what its user expunged."""
    there = {message[-1] for folder in target[0].values()
             for message in folder.messages.values()}
    return ['folder %s: message %s is lost' % (name, base)
            for name, folder in source[0].items()
            for base, message in folder.messages.items()
            if message[-1] not in there and base not in gone]


def counted(what, right, now):
    return ['%s: %d times more: %s' % (what, number, line)
            for line, number in (now - right).items()] + [
        '%s: %d times less: %s' % (what, number, line)
        for line, number in (right - now).items()]


def of(way):
    end = End(way)
    ids = Ids()
    text = {'a': '', 'b': ''}
    for site in 'ab':
        end.status[site] = None
        if os.path.exists(way.shapes[site].root):
            try:
                end.mail[site] = mailmaker.look(way.shapes[site])
            except (OSError, ValueError, mailmaker.Twice) as error:
                end.said.append('%s: %s' % (type(error).__name__, error))
        if not os.path.exists(os.path.join(way.root, site, 'key')):
            continue
        done = way.start('packetboat', site, 'check')
        if done.returncode:
            end.said.append('check at %s: exit %d: %s%s' % (
                site, done.returncode, done.stdout, done.stderr))
        if site in end.mail:    # else it does not know of the other
            end.status[site] = without_passing(json.loads(
                way.run('packetboat', site, 'status', '--json').stdout))
        text[site] = logs(way, site)
        ids.learn(text[site])
    for site in 'ab':
        end.logged[site] = changes(text[site], ids)
    end.tree = tree(way.root, ids)
    return end
