"""The helper of one test process: makes and compares trees, runs small commands, and clears up after it.

One request a line on stdin, one answer a line on stdout, both JSON; `{"error": text}` is a failure, which the caller
throws. It ends when stdin does, that is with the process it serves, however that ends: folders it was
told to keep in mind, and did not remove, are then freed of mounts and deleted. Uses nothing of the program under test.
"""
import importlib.util
import json
import os
import re
import signal
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))


def module(name):
    """Loads a file that stands beside this one; an isolated Python does not look there."""
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), os.path.join(HERE, name + ".py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def run(job):
    """Runs a command: its exit status (128 + signal) and what it wrote to stderr. Cheaper from here than from Node's large process."""
    argv = [arg.encode("latin-1") for arg in job["argv"]]
    out, into = os.pipe()
    try:
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, into, 2)]
        child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    finally:
        os.close(into)
    said = bytearray()
    try:
        while True:
            part = os.read(out, 1 << 16)
            if not part:
                break
            said += part
    finally:
        os.close(out)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"status": status if status >= 0 else 128 - status, "stderr": said.decode("utf-8", "replace")}


kept = []  # paths, oldest first


def mounts_below(path):
    """Mount points at or below a path, innermost first."""
    if not os.path.exists("/proc/self/mountinfo"):
        return []
    found = []
    with open("/proc/self/mountinfo", "rb") as table:
        for line in table:
            point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), line.split(b" ")[4])
            if point == path or point.startswith(path + b"/"):
                found.append(point)
    return found[::-1]


def remove(job):
    """Deletes a tree: any name, any depth, folders without permissions. Refuses where something is mounted in it: what a bind mount shows is somebody else's."""
    path = job["path"]
    mounted = mounts_below(path.encode("latin-1"))
    if mounted:
        raise OSError("not removed, since this is mounted: %r" % mounted)
    delete = ["rm", "-rf", "--one-file-system", "--", path]
    done = run({"argv": delete})
    if done["status"] != 0:
        run({"argv": ["chmod", "-R", "u+rwX", "--", path]})
        done = run({"argv": delete})
    if done["status"] != 0:
        raise OSError("cannot remove %s: %s" % (path, done["stderr"]))
    if path in kept:
        kept.remove(path)


def clear_up():
    """The process is gone without having done this itself."""
    for path in reversed(kept[:]):
        for point in mounts_below(path.encode("latin-1")):
            run({"argv": ["umount", "-l", point.decode("latin-1")]})
        try:
            remove({"path": path})
        except OSError as error:
            sys.stderr.write("clean-up after tests: %s\n" % error)


def main():
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # a signal to all: what stdin tells decides
    os.chdir("/")  # so that no file system is held
    compare, make = module("compare-trees"), module("make-tree")
    compare.prepare()
    does = {"make": make.make, "compare": compare.compare, "list": compare.listing, "run": run, "remove": remove, "keep": lambda job: kept.append(job["path"])}
    answers = sys.stdout.buffer
    for line in sys.stdin.buffer:
        job = json.loads(line)
        try:
            answer = {"ok": does[job["do"]](job)}
        except make.Unmade as error:
            answer = {"error": "make-tree: %s" % error}
        except Exception:  # all goes to the caller, which throws it
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
    clear_up()


main()
