"""The set-ups of docs/operations.md: a test that follows one takes what is to be
written and to be typed from there, with its own places for the manual's."""

import os
import re
import textwrap

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    '..', '..', 'docs')


def blocks(text):
    """The indented and fenced code blocks of a document."""
    found = re.findall(r'(?ms)^```[^\n]*\n(.*?)^```', text)
    text = re.sub(r'(?ms)^```.*?^```', '', text)
    found += re.findall(r'(?m)(?:\n\n)((?:(?: {4}|\t).*\n|\n(?= {4}|\t))+)',
                        text)
    return [re.sub(r'(?m)^(?: {4}|\t)', '', block) for block in found]


def text(heading):
    """What stands below a heading, to the next one."""
    with open(os.path.join(DOCS, 'operations.md'), encoding='utf-8') as file:
        parts = re.split(r'(?m)^## (.*)\n', file.read())
    return parts[parts.index(heading) + 1]


def setup(heading):
    return blocks(text(heading))


def the(found, *words):
    """The one block that has these words."""
    [block] = [b for b in found if all(word in b for word in words)]
    return block


def filled(text, places):
    """With the test's places: each of the manual's has to be there."""
    for old, new in places.items():
        if old not in text:
            raise ValueError('the manual does not name %r:\n%s' % (
                old, textwrap.indent(text, '  ')))
        text = text.replace(old, new)
    return text


def calls(block):
    """The arguments of each packetboat line."""
    return [line.split('#')[0].split()[1:] for line in block.splitlines()
            if line.startswith('packetboat ')]


def cron(block):
    """(user, command) of a line of /etc/cron.d; of one of crontab(1), which
    names nobody, the user is None."""
    [line] = [x for x in block.splitlines() if re.match(r'[*\d]\S* ', x)]
    words = line.split(None, 5)[5]
    user = re.match(r'(root) (.*)', words)
    return (user[1], user[2]) if user else (None, words)


def environment(block):
    """The NAME=VALUE lines of a crontab."""
    return dict(re.findall(r'(?m)^([A-Z]+)=(.*)$', block))
