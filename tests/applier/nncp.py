#!/usr/bin/env python3
"""Two sites whose mail goes by the real NNCP, as docs/operations.md has it:
packets of its own on a medium of its own, tossed by it at the other end."""

import os
import re
import shutil
import subprocess
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Node:
    def __init__(self, top, name):
        self.name = name
        self.config = os.path.join(top, name + '.hjson')
        self.spool = os.path.join(top, name + '.spool')
        self.incoming = os.path.join(top, name + '.in')
        os.mkdir(self.spool)
        os.mkdir(self.incoming)
        text = subprocess.run(['nncp-cfgnew', '-nocomments'], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.text = text.replace('/var/spool/nncp', self.spool)
        self.keys = dict(re.findall(r'(\w+): ([A-Z2-7]{52,})',
                                    text.split('neigh:')[0]))

    def knows(self, other):
        public = ''.join('%s: %s\n' % (key, other.keys[key]) for key in
                         ('id', 'exchpub', 'signpub', 'noisepub'))
        with open(self.config, 'w') as file:
            file.write(self.text.replace(
                'neigh: {', 'neigh: { %s: {\n%sincoming: "%s"\n}\n' % (
                    other.name, public, self.incoming)))

    def run(self, program, *args):
        subprocess.run(['nncp-' + program, '-quiet', '-cfg', self.config,
                        *args], check=True)


@check
def mail_goes_by_nncp(sites):
    """The script is the manual's, with the places of this test."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           '..', '..', 'docs', 'operations.md')) as file:
        manual = file.read()
    [script] = re.findall(r'(?ms)^    #!/bin/sh -e\n    # by-nncp.*?esac\n',
                          manual)
    script = re.sub(r'(?m)^    ', '', script)
    nodes = [Node(sites.top, name) for name in 'ab']
    medium = os.path.join(sites.top, 'medium')
    os.mkdir(medium)
    both = [sites.site(node.name) for node in nodes]
    for node, other in (nodes, nodes[::-1]):
        node.knows(other)
        path = os.path.join(sites.top, 'by-nncp.' + node.name)
        with open(path, 'w') as file:
            file.write(script.replace(
                'nncp-file', 'nncp-file -cfg ' + node.config).replace(
                '/var/spool/nncp-in/"$1"', node.incoming))
        os.chmod(path, 0o755)
    a, b = both
    for site, other in ((a, b), (b, a)):
        site.peer(other, 'exec:%s/by-nncp.%s %s' % (
            sites.top, site.name, other.name))

    def carry(source, target):
        source.run('xfer', '-mkdir', '-node', target.name, medium)
        target.run('xfer', medium)
        target.run('toss')

    a.folder()
    a.save('one')
    for _ in range(2):
        a.run('sync')
        carry(*nodes)
        b.run('sync')
        carry(*nodes[::-1])
    assert b.files() == ['one:2,'], b.files()
    a.flag('one', 'S')
    a.run('sync')
    carry(*nodes)
    b.run('sync')
    carry(*nodes[::-1])
    a.run('sync')
    assert b.files() == ['one:2,S'], b.files()
    assert 'nothing to hand over' in a.said, a.said


if __name__ == '__main__':
    for program in ('file', 'cfgnew', 'xfer', 'toss'):
        if not shutil.which('nncp-' + program):
            print('skipped: nncp-%s is not installed' % program)
            sys.exit(77)
    sys.exit(plainsites.main(CHECKS))
