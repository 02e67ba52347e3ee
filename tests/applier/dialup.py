#!/usr/bin/env python3
"""Two offices over dial-up, with the scripts of docs/operations.md: each has a
pseudo terminal for its modem, and one scripted exchange is both modems and the
line between them, at 9,600 bit/s."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import threading
import time
import tty

import plainsites

CHECKS = []
RATE = 960              # bytes a second: ten bits each


def check(function):
    CHECKS.append(function)
    return function


class Exchange:
    """Both modems. They take AT commands, one line each, and when the one has
    dialled and the other has taken the call, what the two sides say.  A call
    ends when nobody has one of the terminals open any more; what waits on them
    then reads their end, as where a modem's carrier goes.  The next call has
    new ones, under the same names."""

    def __init__(self, top):
        self.names = [os.path.join(top, 'modem.' + side) for side in 'ab']
        self.masters, self.heard = [None, None], [b'', b'']
        self.commands = ([], [])
        self.carried = [0, 0]
        self.connected = self.ended = False
        self.off_hook = True        # the second one's office is open
        for side in 0, 1:
            self.plug(side)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def plug(self, side):
        master, slave = pty.openpty()
        os.set_blocking(master, False)
        tty.setraw(slave, termios.TCSANOW)
        link = self.names[side] + '.new'
        os.symlink(os.ttyname(slave), link)
        os.rename(link, self.names[side])
        os.close(slave)
        if self.masters[side] is not None:
            os.close(self.masters[side])
        self.masters[side], self.heard[side] = master, b''

    def close(self):
        self.ended = True
        self.thread.join()
        for master in self.masters:
            os.close(master)

    def say(self, side, words):
        self.put(side, words.encode() + b'\n')

    def put(self, side, data):
        while data and not self.ended:
            try:
                data = data[os.write(self.masters[side], data):]
            except BlockingIOError:
                select.select([], [self.masters[side]], [], 0.1)

    def command(self, side, line):
        self.commands[side].append(line)
        if line.startswith('ATDT'):
            self.say(1 - side if self.off_hook else side,
                     'RING' if self.off_hook else 'BUSY')
        elif line == 'ATA':
            self.connected = True
            for each in 0, 1:
                self.say(each, 'CONNECT 9600')
        elif line.startswith('AT'):
            self.say(side, 'OK')

    def run(self):
        while not self.ended:
            ready = select.select(self.masters, [], [], 0.1)[0]
            for side in 0, 1:
                if self.masters[side] in ready:
                    self.take(side)

    def take(self, side):
        try:
            data = os.read(self.masters[side], 96)
        except BlockingIOError:     # somebody opened it just now
            return
        except OSError:             # nobody has it open
            if self.connected:
                self.connected = False
                for each in 0, 1:
                    self.plug(each)
            time.sleep(0.02)
            return
        if self.connected:
            time.sleep(len(data) / RATE)
            self.carried[side] += len(data)
            self.put(1 - side, data)
            return
        self.heard[side] += data
        while b'\r' in self.heard[side]:
            line, _, self.heard[side] = self.heard[side].partition(b'\r')
            self.command(side, line.decode('latin-1').strip())


def script(top, name, **replaced):
    """One of the manual's, with the places of this test."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           '..', '..', 'docs', 'operations.md')) as file:
        [text] = re.findall(r'(?ms)^    #!/bin/sh\n    # %s:.*?\n\n' % name,
                            file.read())
    text = re.sub(r'(?m)^    ', '', text)
    for old, new in replaced.items():
        text = text.replace(old, new)
    path = os.path.join(top, name)
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


class Offices:
    def __init__(self, sites):
        self.exchange = Exchange(sites.top)
        packetboat = os.path.join(plainsites.BIN, 'packetboat')
        self.a, self.b = sites.site('a'), sites.site('b')
        modems = self.exchange.names
        dial = script(sites.top, 'pb-dial')
        self.answer = [script(sites.top, 'pb-answer', packetboat=packetboat
                              + ' -q -c ' + self.b.config), modems[1]]
        ready = script(sites.top, 'pb-modem')
        self.a.more += '''peer "b" { key = "%s" link "phone" {
            via = "stdio:%s %s 5550199" before = "%s %s" after = "%s %s"
            } }\n''' % (self.b.key, dial, modems[0], ready, modems[0],
                        'echo hung-up >>' + sites.top + '/after; :',
                        modems[0])
        self.a.write_config()
        self.b.more += 'peer "a" { key = "%s" changes = "receive" }\n' % \
            self.a.key
        self.b.write_config()
        self.a.folder()

    def call(self, code=0):
        said = len(self.exchange.commands[1])
        answers = subprocess.Popen(self.answer, stdin=subprocess.DEVNULL)
        try:
            self.b.wait(lambda: len(self.exchange.commands[1]) > said, 60,
                        'nobody waits for the phone to ring')
            self.a.run('sync', code=code)
            return answers.wait(60) if code == 0 else None
        finally:
            answers.kill()
            answers.wait()


@check
def two_offices_exchange_mail_by_phone(sites):
    offices = Offices(sites)
    a, b, exchange = offices.a, offices.b, offices.exchange
    try:
        a.save('one', body='Subject: one\n\n' + 'some words\n' * 100)
        assert offices.call() == 0
        b.run('apply')
        assert b.files() == ['one:2,'], b.files()
        assert exchange.commands[0][-1] == 'ATDT5550199', exchange.commands
        assert exchange.carried[0] > 300 and exchange.carried[1] > 44
        a.flag('one', 'S')
        before = list(exchange.carried)
        assert offices.call() == 0
        b.run('apply')
        assert b.files() == ['one:2,S'], b.files()
        went = [now - old for now, old in zip(exchange.carried, before)]
        assert went[0] < 300 and went[1] < 300, went
        with open(os.path.join(sites.top, 'after')) as file:
            assert file.read() == 'hung-up\n' * 2
    finally:
        exchange.close()


@check
def where_the_line_is_busy_the_mail_waits(sites):
    offices = Offices(sites)
    a, b, exchange = offices.a, offices.b, offices.exchange
    try:
        exchange.off_hook = False
        a.save('one')
        offices.call(code=4)
        assert not os.path.exists(b.mail), 'it came all the same'
        exchange.off_hook = True
        assert offices.call() == 0
        b.run('apply')
        assert b.files() == ['one:2,'], b.files()
    finally:
        exchange.close()


if __name__ == '__main__':
    try:
        for fd in pty.openpty():
            os.close(fd)
    except OSError as error:
        print('skipped: no pseudo terminals: %s' % error)
        sys.exit(77)
    sys.exit(plainsites.main(CHECKS))
