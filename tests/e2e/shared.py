"""Two sites with a user at work at each, in the folders that are at home there:
what goes wrong between them must not show when it is over."""

import collections
import json
import os
import time
from dataclasses import replace

import compare
from cases import PATIENCE, USER, CaseError, Pair, demand, mail_of, without
from compare import Picture, differences
from dovecot import Dovecot
from randomuser import RandomUser

THERE = ((b'There',), (b'There', b'Sub'))       # at home at the target


def contents(picture):
    """{(folder, mail): how often}; names and UIDs do not count."""
    return collections.Counter(
        (parts, message.digest) for parts, folder in picture.folders.items()
        for message in folder.messages.values())


def mails(picture):
    """The mails of an account, by what is in them."""
    return {digest for _, digest in contents(picture)}


def unnumbered(picture):
    """The picture with each folder's mails in an order that is none of
    UIDs: what arrives behind later mail has another one than at home."""
    def order(message):
        return (message.guid, message.digest, sorted(message.flags),
                sorted(message.keywords), message.date)
    return Picture({parts: replace(folder, uidnext=0, messages=dict(enumerate(
        sorted(folder.messages.values(), key=order))))
                    for parts, folder in picture.folders.items()},
                   picture.subscriptions)


def gaps(site):
    """What `gap list` has; exit codes and status have to agree with it."""
    found = json.loads(site.run('gap', 'list', '--json', ok=(0, 3)))
    site.run('gap', 'list', ok=(3,) if found else (0,))
    status = site.run('status', ok=(3,) if found else (0,))
    if found and 'needs an operator: account' not in status:
        raise CaseError('%s: status does not tell: %s' % (site.name, status))
    return found


def says(site, command, *words, ok=(0,)):
    """The command ends with such a code, and says these words."""
    before = os.path.getsize(site.log)
    said = site.run(*command, ok=ok) + site.log_since(before)
    missing = [word for word in words if word not in said]
    if missing:
        raise CaseError('%s %s does not say %r:\n%s' % (
            site.name, ' '.join(command), missing, said))


class Shared(Pair):
    """A Pair whose folders in THERE are at home at the target, the others at
    the source; a random user works at each."""

    def begin(self, folders=True, moves=True):
        """folders: the source's user makes and removes some, too; moves:
        both copy and move mail."""
        names = [b'.'.join(parts) for parts in THERE]
        seed = self.case.args.seed
        self.user = RandomUser(self.source, USER, seed, avoid=list(names),
                               folders=folders, moves=moves)
        self.other = RandomUser(self.target, USER, '%dt' % seed,
                                folders=False, lmtp=False, drops=False,
                                only=names, moves=moves)
        self.case.users += [self.user, self.other]
        self.user.deliver()
        imap = self.target.imap(USER)
        for name in names:
            imap.ok(b'CREATE', name)
            imap.append(name, mail_of(self.case, b'pb-there'))
        imap.close()
        self.work()
        self.join()
        self.known = set()      # every mail that there ever was
        self.settle()

    @property
    def sites(self):
        return self.from_site, self.to_site

    def work(self):
        """Both users at work; new mail has its UID then."""
        self.user.ops(self.case.args.ops)
        self.other.ops(self.case.args.ops)
        return self.at_home()

    def mark(self, comes=True):
        """They change what is there, and mail comes; nothing is moved."""
        self.user.marks(self.case.args.ops)
        self.other.marks(self.case.args.ops)
        if comes:
            self.user.deliver()
        return self.at_home()

    def at_home(self, here=None):
        """Of each folder what its home shows, or has to show of its own."""
        if here is None:
            here = compare.take(self.source, USER)
        there = compare.take(self.target, USER)
        merged = without(here, *THERE)
        merged.folders.update({parts: there.folders[parts]
                               for parts in THERE if parts in there.folders})
        return Picture(merged.folders, merged.subscriptions)

    def exchange(self, *sites):
        """Each site speaks and listens once; gaps are no failure."""
        for site in sites or self.sites:
            site.run('sync', ok=(0, 3))

    def unaffected(self, act, *args):
        """What is done between sites changes nothing at home."""
        before = self.at_home()
        act(*args)
        demand(differences(before, self.at_home()), 'users are affected')

    def unlike(self, wanted, uids=True):
        """Where a site does not show that, or shows what was expunged."""
        gone = self.known - mails(wanted)
        alike = unnumbered if not uids else lambda picture: picture
        lines = []
        for dovecot in (self.source, self.target):
            shown = compare.take(dovecot, USER)
            for part in (lambda p: without(p, *THERE), self._there):
                # UIDNEXT may be ahead of its home's.
                lines += ['%s: %s' % (dovecot.name, line) for line in
                          differences(alike(part(wanted)),
                                      alike(part(shown)))]
            lines += ['%s: %s is back' % (dovecot.name, digest[:12])
                      for digest in gone & mails(shown)]
        return lines

    @staticmethod
    def _there(picture):
        return Picture({parts: picture.folders[parts] for parts in THERE
                        if parts in picture.folders}, set())

    def settle(self, wanted=None, uids=True, well=True):
        """Exchanges until both show what is wanted (what is at home now) and
        (well) neither needs anybody; returns the number of rounds."""
        wanted = wanted or self.at_home()
        self.known |= mails(wanted)
        end = time.monotonic() + PATIENCE
        rounds = 0
        while True:
            self.exchange(self.from_site, self.to_site, self.from_site)
            rounds += 1
            lines = self.unlike(wanted, uids)
            if not lines and (not well or
                              all(map(self._is_well, self.sites))):
                break
            if time.monotonic() > end:
                demand(lines or [site.run('status', ok=(0, 3))
                                 for site in self.sites],
                       'not settled after %d rounds' % rounds)
        for dovecot in (self.source, self.target):
            self._watch(dovecot)
        self.clean((Dovecot.MOVED_BACK,))
        return rounds

    @staticmethod
    def _is_well(site):
        return site.run('status', ok=(0, 3)).find('needs an operator') < 0 \
            and not gaps(site)

    def _watch(self, dovecot):
        """A UID that was shown is not given again."""
        watcher = self.watchers.setdefault(dovecot, compare.Watcher())
        watcher.look(compare.take(dovecot, USER))

    def forget(self, dovecot):
        """Its UIDs went back: not by us."""
        self.watchers.pop(dovecot, None)
