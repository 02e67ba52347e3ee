#!/usr/bin/env python3
"""Promised limits, by the programs themselves.

    limits.py sizes [--made]      bytes
    limits.py memory [--all]      anonymous memory
    limits.py --all               memory --all, for tools/dev/campaign

sizes: the first import against tar and zstd, one flag change, a hundred mixed
changes.  With the corpus beside the project where it is, else (and with --made)
with mail made here.  memory: one folder of 20,000 messages and one of 100 MB under a limit
that the kernel keeps; --all: of 100,000.  $PB_BIN: where the programs are.
Exits 77 when something it needs is missing.
"""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'support'))
import measure
from measure import MeasureError, Sites

MADE = 1500
INBOX = '494e424f580000000000000000000000'
MIB = 1 << 20


def demand(what, size, limit):
    print('%s: %d, at most %d' % (what, size, limit))
    if size > limit:
        raise MeasureError('%s: %d is over %d' % (what, size, limit))


def sites(work, name, maildir, compression='fast'):
    return Sites(os.environ['PB_BIN'], os.path.join(work, name), maildir,
                 compression)


def rename(maildir, base, letters):
    cur = os.path.join(maildir, 'cur')
    for name in os.listdir(cur):
        if name.startswith(base + ':'):
            os.rename(os.path.join(cur, name),
                      os.path.join(cur, '%s:2,%s' % (base, letters)))


# ---- bytes ----

def first_import(work, maildir, compression, plain, percent):
    pair = sites(work, compression, maildir, compression)
    pair.write()
    pair.ship()
    [bundle] = pair.bundles()
    limit = measure.piped('tar --sort=name -C %s -cf - . | %s' % (maildir, plain))[1]
    demand('first import, %s, against tar | %s' % (compression, plain),
           os.path.getsize(bundle), limit * percent // 100)
    return pair


def spool_is_not_copied(pair, maildir):
    """The state and logs of an import refer to mail; they do not hold it."""
    def held(top):
        return sum(os.lstat(os.path.join(where, name)).st_size
                   for where, _, files in os.walk(top) for name in files)

    demand('state and logs of the first import, against the mail',
           held(pair.state('a')), held(maildir) // 3)


def one_flag_change(pair, bases):
    pair.ship('b')
    pair.apply()
    pair.acknowledge()
    before = len(pair.frames())
    rename(pair.maildir, bases[0], 'RS')
    pair.write()
    frames = pair.frames()
    if len(frames) != before + 1:
        raise MeasureError('one change made %d frames'
                           % (len(frames) - before))
    [(size, count)] = [frame for frame in pair.frames(INBOX)[-1:]]
    if count != 1:
        raise MeasureError('one change is %d in the log' % count)
    demand('frame of one flag change', size, 30)
    pair.ship()
    parcels = pair.parcels(pair.bundles()[-1])
    if len(parcels) != 1:
        raise MeasureError('one change made %d parcels' % len(parcels))
    demand('sealed parcel of one flag change', parcels[0], 150)


def mixed_changes(pair, bases):
    """A morning's reading: 62 flags, 8 of them a keyword, 26 expunges, 11
    moved away, one new."""
    cur = os.path.join(pair.maildir, 'cur')
    names = {name.partition(':')[0]: name for name in os.listdir(cur)}
    other = os.path.join(pair.maildir, '.Archive')
    for part in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(other, part))
    with open(os.path.join(other, 'dovecot-uidlist'), 'w') as file:
        file.write('3 V1700000001 N1 G0123456789abcdef0123456789abcdef\n')
    with open(os.path.join(pair.maildir, 'dovecot-keywords'), 'w') as file:
        file.write('0 $Junk\n')
    pair.write()
    before = len(pair.frames(INBOX))
    with open(os.path.join(pair.maildir, 'dovecot-uidlist')) as file:
        uid = 1 + max(int(line.split()[0]) for line in file.readlines()[1:])
    for i, base in enumerate(bases[100:199]):
        path = os.path.join(cur, names[base])
        if i < 54:
            os.rename(path, os.path.join(cur, base + ':2,FS'))
        elif i < 62:
            os.rename(path, os.path.join(cur, base + ':2,Sa'))
        elif i < 88:
            os.unlink(path)
        else:
            with open(os.path.join(other, 'dovecot-uidlist'), 'a') as file:
                file.write('%d :%s\n' % (i - 87, base))
            os.rename(path, os.path.join(other, 'cur', names[base]))
    base = '1800000000.M1P7.test,S=6,W=7'
    with open(os.path.join(pair.maildir, 'dovecot-uidlist'), 'a') as file:
        file.write('%d :%s\n' % (uid, base))
    with open(os.path.join(cur, base + ':2,'), 'w') as file:
        file.write('a: b\n\n')
    pair.write()
    frames = pair.frames(INBOX)[before:]
    if sum(count for _, count in frames) != 100:
        raise MeasureError('a hundred changes are %s (size, changes) in the '
                           'log' % frames)
    # What left is settled in commits of its own: more frames than one.
    demand('frames of a hundred mixed changes',
           sum(size for size, _ in frames), 260)


def sizes(work, made):
    maildir = os.path.join(work, 'mail')
    if os.path.exists(measure.CORPUS) and not made:
        measure.fill_corpus(maildir)
    else:
        measure.fill_made(maildir, MADE)
    bases = sorted(name.partition(':')[0] for name in
                   os.listdir(os.path.join(maildir, 'cur')))
    first_import(work, maildir, 'slow', 'zstd -q -19 --long=22', 105)
    pair = first_import(work, maildir, 'fast', 'zstd -q -3', 100)
    spool_is_not_copied(pair, maildir)
    one_flag_change(pair, bases)
    mixed_changes(pair, bases)


# ---- memory ----

def flag_all(maildir):
    cur = os.path.join(maildir, 'cur')
    for name in os.listdir(cur):
        if name[0] != '.':
            os.rename(os.path.join(cur, name), os.path.join(
                cur, name.partition(':')[0] + ':2,FS'))


def watched(name, step, limit, **more):
    usage = step(data_limit=limit, poll=True, **more)
    print('%s: %.1f s, %s; allowed %d MiB' % (
        name, usage.seconds, ', '.join(
            '%s %.1f MiB' % (program, size / MIB)
            for program, size in sorted(usage.memory.items())),
        limit // MIB), flush=True)
    return usage


def memory(work, everything):
    """With a fifth of the messages less is allowed, so that it is seen when
    they begin to take more."""
    count, limit, slow = ((100000, 64 * MIB, 160 * MIB) if everything else
                          (20000, 40 * MIB, 110 * MIB))
    maildir = os.path.join(work, 'mail')
    measure.fill_tiny(maildir, count, 100 * 1000 * 1000)
    pair = sites(work, 'fast', maildir)
    for what in ('first import', 'flags of all'):
        watched(what + ', writer', pair.write, limit)
        watched(what + ', shipper', pair.ship, limit)
        watched(what + ', collecting', pair.ship, limit, site='b')
        watched(what + ', applier', pair.apply, limit)
        pair.acknowledge()
        flag_all(maildir)
    shutil.rmtree(pair.directory)
    if not everything:          # several full parcels are enough
        maildir = os.path.join(work, 'less')
        measure.fill_tiny(maildir, 2000, 12 * 1000 * 1000)
    pair = sites(work, 'slow', maildir, 'slow')
    pair.write()
    usage = watched('compression slow, shipper', pair.ship, slow)
    for program, size in usage.memory.items():
        if program.endswith('--serve'):
            demand(program + ', bytes', size, limit)


def main():
    cases = {
        'sizes': lambda work: sizes(work, '--made' in sys.argv[2:]),
        'memory': lambda work: memory(work, '--all' in sys.argv[2:]),
    }
    if sys.argv[1:] == ['--all']:
        sys.argv.insert(1, 'memory')
    if len(sys.argv) < 2 or sys.argv[1] not in cases:
        print(__doc__, file=sys.stderr)
        return 2
    if 'PB_BIN' not in os.environ:
        print('skipped: PB_BIN names no build')
        return 77
    if not shutil.which('zstd'):
        print('skipped: no zstd')
        return 77
    work = tempfile.mkdtemp(prefix='pb-limits.')
    try:
        cases[sys.argv[1]](work)
    except MeasureError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
