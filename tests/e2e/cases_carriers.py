"""The same random user over every carrier, one after the other, between the
same two sites: each brings the same to the same end."""

import os

from cases import Pair, demand

# Takes what a site sends to where the other one collects it.
MOVER = '''#!/bin/sh -e
# OUT IN send FILE | collect DIR
case $3 in
send) cp "$4" "$1/" ;;
collect) find "$2" -type f -exec mv -t "$4" {} + ;;
esac
'''


class Carriers(Pair):
    def join(self):
        super().join()
        self.place = os.path.join(self.case.directory, 'carrier')
        self.mover = os.path.join(self.case.directory, 'move')
        with open(self.mover, 'w') as file:
            file.write(MOVER)
        os.chmod(self.mover, 0o755)
        self.ways = [os.path.join(self.case.directory, name)
                     for name in ('there', 'back')]
        for way in self.ways:
            os.mkdir(way)

    def use(self, there, back):
        for site, via in ((self.from_site, there), (self.to_site, back)):
            [(name, values)] = site.peers.items()
            site.add_peer(name, **{**values, 'via': via})

    def choices(self):
        directory, rsync = 'dir:' + self.place, 'rsync:' + self.place
        there, back = self.ways
        return [(directory, rsync), (rsync, rsync), (rsync, directory),
                ('exec:%s %s %s' % (self.mover, there, back),
                 'exec:%s %s %s' % (self.mover, back, there)),
                (directory, directory)]


def carriers(case):
    """Rounds of a random user, the carrier another one in each."""
    both = Carriers(case)
    user = case.random_user(both.source)
    user._lmtp()
    user.ops(20)
    both.join()
    both.write()
    both.carry()
    for there, back in both.choices():
        both.use(there, back)
        user.ops(case.args.ops)
        picture = both.equal()
        both.clean()
        case.say('%s: %d messages equal' % (
            there.split(':')[0] + '/' + back.split(':')[0],
            sum(len(f.messages) for f in picture.folders.values())))
    both.carry()
    both.no_echo()
    both.check()
    left = [name for way in both.ways for name in os.listdir(way)]
    demand(left, 'not collected')


CASES = {'carriers': carriers}
