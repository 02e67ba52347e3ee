"""The documents against the tree and the programs: what they name exists.

test_docs.py SOURCES BIN
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

SOURCES, BIN = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCES, 'tests', 'support'))
from manual import blocks
FRONT = os.path.join(BIN, 'packetboat')
PARTS = ('lib', 'writer', 'shipper', 'applier', 'tools', 'tests', 'docs',
         'cmake')
KEY = 'pb1:' + 'A' * 42


def read(*names):
    with open(os.path.join(SOURCES, *names), encoding='utf-8') as file:
        return file.read()


def below(*parts, endings):
    for part in parts:
        for top, _, names in os.walk(os.path.join(SOURCES, part)):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(top, name), SOURCES)


def documents():
    return ['README.md', 'CONTRIBUTING.md',
            *below('docs', endings=('.md', '.1', '.5'))]


def markdown():
    return [name for name in documents() if name.endswith('.md')]


def headings(name):
    return re.findall(r'(?m)^#+ (.*)$', read(name))


def spans(text):
    """What stands in `...`."""
    text = re.sub(r'(?ms)^```.*?^```', '', text)
    return [span.replace('\n', ' ') for span in
            re.findall(r'`([^`]+)`', text)]


def flat(text):
    """A source with its comments' lines joined."""
    return re.sub(r'\s*\n\s*(?:\*(?!/)|#|//|"""|\.\\")?\s*', ' ', text)


def literals(text):
    """What a C file says to people: its string literals, pieces joined."""
    text = re.sub(r'(?<!\\)"\s*"', '', text)
    return [s.replace('\\"', '"').replace('%%', '%')
            for s in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)]


def front(*args):
    done = subprocess.run([FRONT, *args], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout + done.stderr


class Citations(unittest.TestCase):
    def test_every_section_that_the_code_cites_is_there(self):
        cited = 0
        for name in [*below(*PARTS, endings=('.c', '.h', '.py', '.sh', '.md',
                                             '.txt')), 'README.md']:
            text = flat(read(name))
            for found in re.finditer(
                    r'docs/(\w+)\.md(?:, | \()(?=[A-Z])', text):
                document = os.path.join('docs', found[1] + '.md')
                at = found.end()
                while True:
                    rest = text[at:at + 120]
                    fits = [h for h in headings(document) if re.match(
                        re.escape(h) + r'(?!\w)', rest)]
                    self.assertTrue(fits, '%s cites %s, "%s…"' % (
                        name, document, rest[:40]))
                    cited += 1
                    at += len(max(fits, key=len))
                    if not re.match(r', [A-Z]', text[at:]):
                        break
                    at += 2
        self.assertGreater(cited, 20)

    def test_links_lead_somewhere(self):
        for name in markdown():
            for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)',
                                     read(name)):
                if '://' not in target:
                    path = os.path.join(SOURCES, os.path.dirname(name),
                                        target)
                    self.assertTrue(os.path.exists(path), '%s links to %s' %
                                    (name, target))


class Names(unittest.TestCase):
    def test_every_path_in_a_document_exists(self):
        path = re.compile(r'(?<![\w/.<>{}$-])((?:%s)/[\w./+-]*\w)' %
                          '|'.join(PARTS))
        for name in documents():
            for found in path.findall(read(name)):
                self.assertTrue(
                    os.path.exists(os.path.join(SOURCES, found)),
                    '%s names %s' % (name, found))

    def test_every_file_in_a_document_exists(self):
        there = {os.path.basename(name) for name in
                 below('.', endings=('',))}
        file = re.compile(r'^[\w-]+\.(?:c|h|py|sh|md|conf|service)$')
        for name in markdown():
            for span in spans(read(name)):
                if file.match(span):
                    self.assertIn(span, there, '%s names %s' % (name, span))


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        code, text = front('help')
        assert code == 0, text
        cls.built = set(re.findall(r'(?m)^  ([a-z]+) +\S', text))
        cls.help = {}

    def options_of(self, command):
        if command not in self.help:
            self.help[command] = front('help', command)[1]
        return self.help[command]

    def check_call(self, name, line):
        call = re.match(
            r'packetboat((?: -c \S+| -[qv])*) ([a-z]+)\b(.*)', line)
        if not call:
            return False
        command, rest = call[2], call[3]
        self.assertIn(command, self.built, '%s: %s' % (name, line))
        for option in re.findall(r'(?<!\S)--?[a-zA-Z]+', rest):
            if option not in ('--help', '-h') and command != 'help':
                self.assertIn(option, self.options_of(command),
                              '%s: %s' % (name, line))
        return True

    def test_every_command_in_an_example_is_built_and_takes_its_options(self):
        calls = 0
        for name in markdown():
            for block in blocks(read(name)):
                for call in re.findall(
                        r'(?:^|[\s/|;&(])(packetboat [^|;&)\n]*)', block):
                    calls += self.check_call(name, call)
        self.assertGreater(calls, 10)

    def test_every_command_in_the_text_is_known(self):
        for name in markdown():
            for span in spans(read(name)):
                # first lines of formats look like calls: "packetboat medium 1"
                if not re.fullmatch(r'packetboat[ -][a-z]+ \d', span):
                    self.check_call(name, span)

    def test_every_command_is_in_the_manual(self):
        manual = re.sub(r'\\[fF].|\\', '', read('docs', 'man',
                                                 'packetboat.1'))
        for command in self.built:
            self.assertRegex(manual, r'\b%s\b' % command)

    def test_the_readme_lists_what_is_not_yet_built(self):
        text = re.search(r'(?ms)^## Not yet built\n(.*?)(?=^## |\Z)',
                         read('README.md'))[1]
        said = {span.split()[-1] for span in spans(text)}
        refusals = [line for name in below(
            'lib', 'writer', 'shipper', 'applier', 'tools', endings=('.c',))
                    for line in literals(read(name))
                    if 'is not yet built' in line]
        keys = set(re.findall(r'"(\w+)"', read('lib', 'program',
                                               'config_keys.c')))
        for line in refusals:
            named = keys & set(re.findall(r'\w+', line.split('(')[0]))
            self.assertTrue(named and named <= said, line)
        self.assertEqual(bool(refusals), 'exit with code 2' in text)

    def test_options_of_the_programs_are_theirs(self):
        for name in markdown():
            for line in [*spans(read(name)),
                         *'\n'.join(blocks(read(name))).split('\n')]:
                call = re.search(
                    r'packetboat-(writer|shipper|applier)((?: \S+)+)', line)
                for option in re.findall(r'(?<!\S)--([a-z]+)',
                                         call[2] if call else ''):
                    self.assertTrue(
                        '{"%s",' % option in read(call[1], 'main.c'),
                        '%s: %s' % (name, line))


class Configuration(unittest.TestCase):
    def test_every_example_loads(self):
        examples = 0
        for name in [*markdown()]:
            for block in blocks(read(name)):
                if not re.match(r'\s*(?:#.*\n)*\s*site "', block):
                    continue
                examples += 1
                count = iter('ABCDEFGHIJKLMNOP')
                text = re.sub(r'pb1:\.\.\.', lambda _: KEY + next(count),
                              block)
                with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
                    file.write(text)
                    file.flush()
                    code, said = front('-c', file.name, 'config')
                self.assertEqual(code, 0, '%s:\n%s\n%s' % (name, block, said))
        self.assertGreater(examples, 2)

    def test_every_key_is_in_the_manual(self):
        manual = read('docs', 'man', 'packetboat.conf.5').replace('\\', '')
        for key in re.findall(r'(?m)^\t\{"[a-z]+", "([a-z_]+)"',
                              read('lib', 'program', 'config_keys.c')):
            self.assertRegex(manual, r'\b%s\b' % key)

    def test_every_key_in_a_document_is_known(self):
        keys = set(re.findall(r'(?m)^\t\{"[a-z]+", "([a-z_]+)"',
                              read('lib', 'program', 'config_keys.c')))
        for name in ('README.md', 'docs/operations.md', 'docs/recovery.md'):
            for span in spans(read(name)):
                found = re.match(r'([a-z_]+) = "[^"]*"$', span)
                if found:
                    self.assertIn(found[1], keys, '%s: %s' % (name, span))


class Fuzzing(unittest.TestCase):
    def test_every_target_names_a_planted_bug_and_has_seeds(self):
        targets = [name for name in below('tests', endings=('.c',))
                   if os.path.basename(name).startswith('fuzz_')]
        self.assertGreater(len(targets), 10)
        for name in targets:
            head = read(name).split('*/')[0]
            self.assertRegex(head, r'(?i)planted', name)
            seeds = os.path.join(SOURCES, 'tests/fuzz/corpus',
                                 os.path.basename(name)[len('fuzz_'):-2])
            self.assertTrue(os.listdir(seeds), name)


class State(unittest.TestCase):
    def test_every_table_and_column_is_in_the_format(self):
        text = re.search(r'(?ms)^## State\n(.*?)^## ',
                         read('docs', 'format.md'))[1]
        schema = ''.join(literals(re.sub(
            r'\s*BY\("(\w+)"\)\s*', r'" \1_by INTEGER,"',
            read('lib', 'replica', 'schema.h').split('schema_text')[1])))
        tables = re.findall(r'CREATE TABLE (\w+)\((.*?)\)(?= WITHOUT|;)',
                            schema)
        self.assertGreater(len(tables), 14)
        for table, columns in tables:
            row = re.search(r'(?m)^\| %s \|(.*)$' % table, text)
            self.assertTrue(row, 'no table %s' % table)
            columns = re.sub(r'(?:PRIMARY KEY|UNIQUE)\([^)]*\)', '', columns)
            for column in columns.split(','):
                word = column.split()
                if word and not word[0].startswith('UNIQUE'):
                    column = re.sub(r'_by$', '', word[0])
                    self.assertRegex(row[1], r'\b%s\b' % column, table)


class Recovery(unittest.TestCase):
    """Messages are quoted as `message: words … more words`."""

    def test_every_case_that_is_referred_to_is_there(self):
        text = re.sub(r'(?ms)^```.*?^```|`[^`]*`', '',
                      read('docs', 'recovery.md'))
        cases = [re.sub(r'\s+', ' ', case) for case in
                 re.findall(r'(?<!\*)\*([A-Z][^*]+)\*(?!\*)', text)]
        self.assertGreater(len(cases), 10)
        there = [h.split(':')[0] for h in headings('docs/recovery.md')]
        for case in cases:
            self.assertIn(case, there)

    def test_every_message_quoted_is_one_of_the_programs(self):
        said = [text for name in below('lib', 'writer', 'shipper', 'applier',
                                       'tools', endings=('.c', '.h'))
                for text in literals(read(name))]
        quoted = 0
        for name in ('docs/recovery.md', 'docs/operations.md'):
            for span in spans(read(name)):
                if not span.startswith('message: '):
                    continue
                quoted += 1
                for part in span[len('message: '):].split('…'):
                    part = part.strip(' ')
                    if not part:
                        continue
                    self.assertTrue(any(part in text for text in said),
                                    '%s: nothing says "%s"' % (name, part))
        self.assertGreater(quoted, 20)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
