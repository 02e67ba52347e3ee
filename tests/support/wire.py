#!/usr/bin/env python3
"""A wire that counts: what goes there, what comes back, how often one end had
to wait for the other.

    wire.py --log FILE [--delay SECONDS] COMMAND [ARGUMENT...]

runs COMMAND behind it, as a remote shell would: between its own standard input
and output and those of COMMAND.  FILE gets what was counted, as JSON.  In a
test's own process TcpWire does the same for connections.

Turnarounds: each byte is as deep as the deepest that its end had got when it
sent it, and one more; two of that depth are one turnaround.  Only where the
delay is longer than either end thinks is that what has to be waited for; bytes
that pass each other on the way are then not taken for answers.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time

CHUNK = 65536


class Count:
    """Of one wire, both ways; shared by its two copying pairs of threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bytes = {'there': 0, 'back': 0}
        self.heard = {'there': 0, 'back': 0}    # depth that an end has got
        self.deepest = 0

    def sent(self, way, size):
        """Returns the depth of what was sent."""
        with self.lock:
            self.bytes[way] += size
            depth = self.heard[way] + 1
            self.deepest = max(self.deepest, depth)
            return depth

    def arrived(self, way, depth):
        other = 'back' if way == 'there' else 'there'
        with self.lock:
            self.heard[other] = max(self.heard[other], depth)

    def result(self):
        return {**self.bytes, 'turnarounds': self.deepest / 2}


def copy(count, way, delay, take, give, end):
    """Begins to copy in the background; returns its threads."""
    line = queue.Queue()

    def send():
        try:
            while data := take():
                line.put((time.monotonic() + delay,
                          count.sent(way, len(data)), data))
        except OSError:
            pass                # the end that gives has gone
        line.put((time.monotonic() + delay, 0, b''))

    def receive():
        whole = True
        while True:
            when, depth, data = line.get()
            time.sleep(max(0, when - time.monotonic()))
            if not data:
                break
            count.arrived(way, depth)
            try:
                if whole:
                    give(data)
            except OSError:
                whole = False   # nobody takes it any more
        try:
            end()
        except OSError:
            pass

    threads = [threading.Thread(target=one, daemon=True)
               for one in (send, receive)]
    for thread in threads:
        thread.start()
    return threads


class TcpWire:
    """Listens on a free port of loopback; each connection goes on to `port`.
    One connection at a time."""

    def __init__(self, port, delay=0):
        self.to, self.delay = port, delay
        self.count = Count()
        self.threads = []
        self.server = socket.create_server(('127.0.0.1', 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.server.accept()[0]
            except OSError:
                return          # closed
            far = socket.create_connection(('127.0.0.1', self.to))
            for way, one, other in (('there', near, far),
                                    ('back', far, near)):
                self.threads += copy(
                    self.count, way, self.delay,
                    lambda one=one: one.recv(CHUNK), other.sendall,
                    lambda other=other: other.shutdown(socket.SHUT_WR))

    def close(self):
        """Returns what was counted."""
        self.server.close()
        for thread in self.threads:
            thread.join()
        return self.count.result()


def main(argv):
    log, delay = None, 0.0
    while argv[0].startswith('--'):
        option, value, *argv = argv
        if option == '--log':
            log = value
        elif option == '--delay':
            delay = float(value)
    child = subprocess.Popen(argv, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    count = Count()

    def give(file):
        def write(data):
            file.write(data)
            file.flush()
        return write

    copy(count, 'there', delay, lambda: os.read(0, CHUNK), give(child.stdin),
         child.stdin.close)
    back = copy(count, 'back', delay,
                lambda: os.read(child.stdout.fileno(), CHUNK),
                give(sys.stdout.buffer), lambda: None)
    for thread in back:
        thread.join()
    code = child.wait()
    with open(log, 'w') as file:
        json.dump(count.result(), file)
    # Threads that wait for a standard input nobody closes must not keep us.
    os._exit(code if code >= 0 else 1)


if __name__ == '__main__':
    main(sys.argv[1:])
