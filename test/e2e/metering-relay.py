"""Joins its stdin and stdout with a command's, and finds out how far beyond a rate the bytes of each direction ever were.

argv: result file, rate in bytes a second, command. A stretch of time begins only at a moment at which nothing waited to be read: so whatever is read
later was sent later, however late this process gets to read it, and the excess that is found was the sender's. The result is one line of JSON:
for each direction the bytes, and the most by which any stretch of t seconds had more than rate * t of them.
"""
import errno
import json
import os
import selectors
import signal
import subprocess
import sys
import time

result, rate, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
signal.signal(signal.SIGTERM, lambda *_: None)  # the client ends who carries its connection: the result comes first
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class Way:
    def __init__(self, source, target):
        self.source, self.target = source, target
        self.bytes, self.excess = 0, 0.0
        self.least = -rate * time.monotonic()  # of bytes - rate * time, over all moments at which nothing waited
        self.open = True
        os.set_blocking(source, False)

    def hand_on(self):
        while self.open:
            before = time.monotonic()
            try:
                part = os.read(self.source, 1 << 16)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    self.least = min(self.least, self.bytes - rate * before)
                    return
                part = b''
            self.bytes += len(part)
            self.excess = max(self.excess, self.bytes - rate * time.monotonic() - self.least)
            if not part:
                self.open = False
                os.close(self.target)
            while part:
                try:
                    part = part[os.write(self.target, part):]
                except OSError as error:
                    if error.errno != errno.EAGAIN:
                        self.open = False
                        break
                    selectors_wait(self.target)


def selectors_wait(fd):
    with selectors.DefaultSelector() as one:
        one.register(fd, selectors.EVENT_WRITE)
        one.select()


ways = {'out': Way(0, child.stdin.fileno()), 'in': Way(child.stdout.fileno(), 1)}
with selectors.DefaultSelector() as both:
    for way in ways.values():
        both.register(way.source, selectors.EVENT_READ, way)
    while both.get_map():
        for key, _ in both.select():
            key.data.hand_on()
            if not key.data.open:
                both.unregister(key.fd)
        if not ways['in'].open:
            break
code = child.wait()
with open(result + '.new', 'w') as file:
    json.dump({name: {'bytes': way.bytes, 'excess': way.excess} for name, way in ways.items()}, file)
os.rename(result + '.new', result)
os._exit(code)
