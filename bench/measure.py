#!/usr/bin/env python3
"""Runs one command and prints as JSON what it cost: wall, user and sys seconds of the whole process tree, and the peak
resident memory (bytes) of its largest process. Small, because a process's peak counts from the one that started it.

    measure.py [--out FILE] COMMAND ARGUMENT…      The command's own output goes to FILE (default: nowhere).
"""
import ctypes
import json
import os
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def main():
    args = sys.argv[1:]
    out = os.devnull
    if args[0] == "--out":
        out, args = args[1], args[2:]
    # Processes that outlive their parent are waited for, and counted, here.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sink = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    empty = os.open(os.devnull, os.O_RDONLY)
    start = time.monotonic()
    actions = [(os.POSIX_SPAWN_DUP2, empty, 0), (os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_DUP2, sink, 2)]
    child = os.posix_spawnp(args[0], args, os.environ, file_actions=actions)
    code, wall, user, system, peak = None, 0.0, 0.0, 0.0, 0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        if pid == child:
            wall = time.monotonic() - start
            code = os.waitstatus_to_exitcode(status)
        user += usage.ru_utime
        system += usage.ru_stime
        peak = max(peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    print(json.dumps({"code": code, "wall": wall, "user": user, "sys": system, "rss": peak}))


main()
