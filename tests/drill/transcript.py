"""Transcripts in a manual: commands at two sample sites, and what they say.

    ```
    aurora# packetboat scan --deep
    … UID 4 (…) its bytes are not those it had
    …
    (exit code 3)
    ```

A line that begins with a site's name and "# " is run by sh, as it stands, with
that site's programs.  What follows is all that it prints: "…" in a line stands
for any words, alone on a line for any lines.  Without "(exit code N)" it has to
end with 0.  The sample paths of the manual stand for those of the test.
"""

import os
import re
import subprocess

PROMPT = re.compile(r'^(\w+)# (.*)$')


class Wrong(Exception):
    pass


def sections(text, part):
    """{heading: text} of each ### below the ## that is called `part`."""
    body = re.search(r'(?ms)^## %s\n(.*?)(?=^## |\Z)' % re.escape(part),
                     text)[1]
    pieces = re.split(r'(?m)^### (.*)\n', body)
    return dict(zip(pieces[1::2], pieces[2::2]))


def blocks(text):
    """The transcripts of a section; other fenced blocks are left out."""
    return [block for block in re.findall(r'(?ms)^```\n(.*?)^```', text)
            if PROMPT.match(block.split('\n')[0])]


def quotes(text):
    """What stands in `message: ...`, outside of fenced blocks."""
    text = re.sub(r'(?ms)^```.*?^```', '', text)
    return [span.replace('\n', ' ')[len('message: '):] for span in
            re.findall(r'`(message: [^`]+)`', text)]


def steps(block):
    """[(site, command, lines that it prints, exit code)]"""
    found = []
    for line in block.splitlines():
        prompt = PROMPT.match(line)
        if prompt:
            found.append([*prompt.groups(), [], 0])
        elif found and re.fullmatch(r'\(exit code \d+\)', line):
            found[-1][3] = int(line[11:-1])
        else:
            found[-1][2].append(line)
    return found


def pattern(lines):
    """That what is printed has to match, whole."""
    text = ''
    for line in lines:
        if line == '…':
            text += r'(?:.*\n)*?'
        else:
            text += '.*?'.join(re.escape(piece)
                               for piece in line.split('…')) + r'\n'
    return re.compile(text)


class Player:
    """Runs transcripts.  stubs: a directory of programs that this test has
    instead of the machine's."""

    def __init__(self, stubs):
        self.stubs = stubs
        self.sites = {}         # {name: Site of plainsites}
        self.stands_for = {}    # {name: {sample path: path of the test}}
        self.env = {}           # {name: more of its environment}
        self.said = ''          # by all of it, with the manual's paths

    def add(self, site, stands_for):
        """A site; stands_for: its sample paths, longer ones first."""
        self.sites[site.name] = site
        self.stands_for[site.name] = stands_for

    def run(self, name, command):
        """(exit code, what it printed), both in the manual's words."""
        for sample, path in self.stands_for[name].items():
            command = command.replace(sample, path)
        env = {**os.environ, 'PACKETBOAT_CONF': self.sites[name].config,
               'PATH': '%s:%s:%s' % (self.stubs, os.environ['PB_BIN'],
                                     os.environ['PATH']),
               'LC_ALL': 'C.UTF-8', **self.env.get(name, {})}
        done = subprocess.run(['sh', '-c', command], env=env, text=True,
                              cwd='/', stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        said = done.stdout
        for sample, path in self.stands_for[name].items():
            said = said.replace(path, sample)
        self.said += said
        return done.returncode, said

    def play(self, block):
        for name, command, lines, code in steps(block):
            got, said = self.run(name, command)
            if got != code or not pattern(lines).fullmatch(said):
                raise Wrong('%s# %s\n%s(exit code %d)\nthe manual has\n%s\n'
                            '(exit code %d)' % (name, command, said, got,
                                                '\n'.join(lines), code))

    def heard(self, quote):
        """Was it printed, piece by piece of "…", in one line?"""
        want = re.compile('.*?'.join(re.escape(piece.strip(' '))
                                     for piece in quote.split('…')))
        return any(want.search(line) for line in self.said.splitlines())
