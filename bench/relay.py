#!/usr/bin/env python3
"""A remote shell for measuring: runs the command on this machine, counts what passes, and is a slow link where asked.

    relay.py --report FILE [--rate BYTES_A_SECOND] [--delay SECONDS] HOST COMMAND ARGUMENT…

Stands where ssh stands (`-e 'relay.py …'`), for every tool alike. At the end FILE holds as JSON the bytes that went `up`
(to the command) and `down`, and the `cpu` seconds of the relay itself, which belong to nobody. Without --rate and --delay bytes
are spliced by the kernel and never seen here. A slow link holds each direction to the rate, with a short queue before it as
a router has, and delivers after the delay (one way; the round trip is twice that).
"""
import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
import time

PIECE = 1 << 20
QUEUE_SECONDS = 0.1  # how much waits at most to be sent: a router's queue


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def fast(source, sink, passed, key):
    spliced = hasattr(os, "splice")
    ready = select.poll()
    ready.register(source, select.POLLIN)
    while True:
        if spliced:
            ready.poll()  # a splice that waits for its source keeps the other pipe locked, and with it whoever reads there
            try:
                count = os.splice(source, sink, PIECE)
            except OSError:  # not between these two
                spliced = False
                continue
        else:
            data = os.read(source, PIECE)
            count = len(data)
            write_all(sink, data)
        if count == 0:
            return
        passed[key] += count


def slow(source, sink, passed, key, rate, delay):
    under_way = queue.SimpleQueue()

    def deliver():
        while True:
            due, data = under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                os.close(sink)
                return
            write_all(sink, data)

    end = threading.Thread(target=deliver, daemon=True)
    end.start()
    free_at = time.monotonic()  # when the link has sent all that it took
    while True:
        time.sleep(max(0.0, free_at - time.monotonic() - QUEUE_SECONDS))
        data = os.read(source, max(1500, min(65536, int(rate / 100))))
        passed[key] += len(data)
        free_at = max(free_at, time.monotonic()) + len(data) / rate
        under_way.put((free_at + delay, data))
        if not data:
            end.join()
            return


def main():
    args = sys.argv[1:]
    report, rate, delay = None, None, 0.0
    while args[0].startswith("--"):
        if args[0] == "--report":
            report = args[1]
        elif args[0] == "--rate":
            rate = float(args[1])
        else:
            delay = float(args[1])
        args = args[2:]
    # Whoever started this may end it in haste; it goes when the command has ended. (A handler, not SIG_IGN, which the command would inherit.)
    signal.signal(signal.SIGTERM, lambda *_: None)
    for fd in (0, 1):  # rsync hands them over as non-blocking
        os.set_blocking(fd, True)
    passed = {"up": 0, "down": 0}
    command = subprocess.Popen(["sh", "-c", " ".join(args[1:])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    to_command, from_command = os.dup(command.stdin.fileno()), command.stdout.fileno()
    command.stdin.close()

    def up():
        try:
            if rate is None:
                fast(0, to_command, passed, "up")
                os.close(to_command)
            else:
                slow(0, to_command, passed, "up", rate, delay)
        except BrokenPipeError:
            pass  # the command ended first

    threading.Thread(target=up, daemon=True).start()
    try:
        if rate is None:
            fast(from_command, 1, passed, "down")
        else:
            slow(from_command, 1, passed, "down", rate, delay)
    except BrokenPipeError:
        pass  # the caller ended first
    code = command.wait()
    own = resource.getrusage(resource.RUSAGE_SELF)
    with open(report, "w", encoding="ascii") as file:
        json.dump({**passed, "cpu": own.ru_utime + own.ru_stime}, file)
    os._exit(code if code >= 0 else 128 - code)


main()
