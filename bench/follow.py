#!/usr/bin/env python3
"""Runs one program that follows a tree, and prints as JSON what it costs and how soon a change is on the target.

    follow.py             reads JSON: command, source, target, out (its output), rate (changes a second), changes (how many),
                          paths (files of the source, changed in turn), rest (seconds that nothing happens), patience (seconds).

How soon: a file is written once; when it has come, its modification time on the target is the moment of writing, and the target's own
change time (ctime) is the moment of the rename into place. Both are the kernel's, so that watching disturbs nobody. CPU and memory are those of
the program with all processes that it starts, those that end meanwhile included; this one's own work does not count.
"""
import collections
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
TICK = os.sysconf("SC_CLK_TCK")


def descendants():
    """Stat fields of all living processes below this one."""
    parents = collections.defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rsplit(b")", 1)[1].split()
            except OSError:
                continue
            parents[int(fields[1])].append((int(name), fields))
    found, todo = [], [os.getpid()]
    while todo:
        for pid, fields in parents[todo.pop()]:
            found.append((pid, fields))
            todo.append(pid)
    return found


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def cpu():
    """Seconds that all processes below have used, also those that are gone."""
    reap()
    gone = resource.getrusage(resource.RUSAGE_CHILDREN)
    return gone.ru_utime + gone.ru_stime + sum(sum(int(f) for f in fields[11:15]) for _, fields in descendants()) / TICK


def memory():
    """Proportional memory of all processes below, bytes."""
    total = 0
    for pid, _ in descendants():
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024
        except OSError:
            pass
    return total


def io():
    """Bytes that the living processes below have read and written, by their calls."""
    read = written = 0
    for pid, _ in descendants():
        try:
            with open(f"/proc/{pid}/io") as file:
                lines = dict(line.split(": ") for line in file.read().splitlines())
            read, written = read + int(lines["rchar"]), written + int(lines["wchar"])
        except OSError:
            pass
    return read, written


def has_come(source, target, path):
    try:
        return os.stat(os.path.join(target, path)).st_mtime_ns == os.stat(os.path.join(source, path)).st_mtime_ns
    except FileNotFoundError:
        return False


def wait_for(source, target, path, child, until):
    while not has_come(source, target, path):
        if child.poll() is not None:
            raise SystemExit(f"it ended with {child.returncode}")
        if time.monotonic() > until:
            raise SystemExit(f"{path} has not come")
        time.sleep(0.01)


def write(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, data)
    os.close(fd)


def edit(spec, path, i):
    """250 bytes changed somewhere in a large file."""
    size = os.path.getsize(path)
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, os.urandom(spec["edit"]), (i * 7919 * 4096) % (size - spec["edit"]))
    os.close(fd)


def load(spec):
    """Changes files at the rate; returns when the last was changed and how many were late by more than 100 ms."""
    source, paths, rate = spec["source"], spec["paths"], spec["rate"]
    start, late = time.monotonic(), 0
    for i in range(spec["changes"]):
        ahead = start + i / rate - time.monotonic()
        if ahead > 0.0005:
            time.sleep(ahead)
        late += ahead < -0.1
        path = os.path.join(source, paths[i % len(paths)])
        if "edit" in spec:
            edit(spec, path, i)
        else:
            write(path, b"%d of the changes at %d\n" % (i, time.time_ns()) * 20)
    return time.monotonic() - start, late


def main():
    spec = json.load(sys.stdin)
    source, target, patience = spec["source"], spec["target"], spec["patience"]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    with open(spec["out"], "wb") as out:
        child = subprocess.Popen(spec["command"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        until = started + patience
        for probe in ("~probe-1", "~probe-2"):
            write(os.path.join(source, probe), str(time.time()).encode())
            wait_for(source, target, probe, child, until)
        setup = time.monotonic() - started
        time.sleep(spec.get("settle", 3))
        result = {"setup": setup, "setupCpu": cpu()}
        if spec["rest"] > 0:
            before, at = cpu(), time.monotonic()
            time.sleep(spec["rest"])
            result["rest"] = (cpu() - before) / (time.monotonic() - at)
        result["memory"] = memory()
        if spec["changes"] > 0:
            before, passed = cpu(), io()
            took, late = load(spec)
            changed = spec["paths"][: spec["changes"]]
            remaining = collections.deque(changed)
            until = time.monotonic() + patience
            while remaining and time.monotonic() < until:
                while remaining and has_come(source, target, remaining[0]):
                    remaining.popleft()
                time.sleep(0.05)
            behind = time.monotonic()
            lags, missing = [], 0
            for path in changed:
                if has_come(source, target, path):
                    lags.append((os.stat(os.path.join(target, path)).st_ctime_ns - os.stat(os.path.join(source, path)).st_mtime_ns) / 1e6)
                else:
                    missing += 1
            lags.sort()
            time.sleep(0.5)
            now = io()
            result |= {
                "took": took, "late": late, "missing": missing, "cpu": cpu() - before, "read": now[0] - passed[0], "written": now[1] - passed[1],
                "p50": lags[len(lags) // 2] if lags else None, "p99": lags[min(int(len(lags) * 0.99), len(lags) - 1)] if lags else None, "worst": lags[-1] if lags else None,
                "loadedMemory": memory(),
            }
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            if child.poll() is None:
                child.send_signal(stop)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    pass
        for pid, _ in descendants():
            os.kill(pid, signal.SIGKILL)
        reap()
    print(json.dumps(result))


main()
