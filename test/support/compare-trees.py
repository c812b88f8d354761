#!/usr/bin/env python3
"""Compares two file trees without any code of the program under test, or dumps one.

Loaded by helper.py; run by itself it reads {"a": path, "b": path, options…} or {"dump": path} as JSON on stdin and
writes JSON. Strings are one unit per byte. Compared: the set of names, type, mode, owner, group, size, content, mtime
(ns), symlink text, device numbers, hard-link groups, xattrs and ACLs; on request atime and allocation. Works below
folder handles: any name, any depth. Reading moves no access time where the system grants that (O_NOATIME).
"""
import base64
import json
import os
import resource
import stat
import sys

CHUNK = 1 << 18
TYPE_NAMES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
              stat.S_IFSOCK: "socket", stat.S_IFBLK: "block", stat.S_IFCHR: "char"}
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
NOATIME = getattr(os, "O_NOATIME", 0)
BUFFER_A, BUFFER_B = bytearray(CHUNK), bytearray(CHUNK)


def text(name):
    return name.decode("latin-1")


def opened(name, flags, at=None):
    """A handle for looking without leaving a trace: only the owner and root may have O_NOATIME, the rest reads as usual."""
    try:
        return os.open(name, flags | NOATIME, dir_fd=at)
    except PermissionError:
        return os.open(name, flags, dir_fd=at)


def kind(st):
    return TYPE_NAMES.get(stat.S_IFMT(st.st_mode), "?")


def xattrs(fd, name, st):
    """All extended attributes, ACLs among them; {} where the file system has none."""
    spot = b"/proc/self/fd/%d/%s" % (fd, name)
    try:
        names = os.listxattr(spot, follow_symlinks=False)
    except OSError as error:
        return {"!": ("error %s" % error.strerror).encode()} if error.errno not in (95, 1) else {}
    found = {}
    for key in names:
        try:
            found[key] = os.getxattr(spot, key, follow_symlinks=False)
        except OSError as error:
            found[key] = ("error %s" % error.strerror).encode()
    return found


def shown(values):
    return {key: base64.b64encode(value).decode() for key, value in sorted(values.items())}


def first_difference(fd_a, fd_b, name):
    """Offset of the first byte that differs, None where the contents are equal."""
    a = opened(name, FILE, fd_a)
    try:
        b = opened(name, FILE, fd_b)
        try:
            offset = 0
            while True:
                got_a, got_b = os.readv(a, [BUFFER_A]), os.readv(b, [BUFFER_B])
                while got_a != got_b and min(got_a, got_b) < CHUNK:  # a short read: fill both up before comparing
                    more_a = os.readv(a, [memoryview(BUFFER_A)[got_a:]]) if got_a < CHUNK else 0
                    more_b = os.readv(b, [memoryview(BUFFER_B)[got_b:]]) if got_b < CHUNK else 0
                    if more_a == 0 and more_b == 0:
                        break
                    got_a, got_b = got_a + more_a, got_b + more_b
                if got_a == got_b == CHUNK:
                    if BUFFER_A != BUFFER_B:
                        return offset + next(i for i in range(CHUNK) if BUFFER_A[i] != BUFFER_B[i])
                else:
                    both = min(got_a, got_b)
                    if BUFFER_A[:both] != BUFFER_B[:both]:
                        return offset + next(i for i in range(both) if BUFFER_A[i] != BUFFER_B[i])
                    if got_a != got_b:
                        return offset + both
                if got_a == 0 or got_a < CHUNK:
                    return None
                offset += got_a
        finally:
            os.close(b)
    finally:
        os.close(a)


class Comparer:
    def __init__(self, job):
        self.ignore = frozenset(job.get("ignore", []))
        self.granularity = int(job.get("mtimeGranularity", 1))
        self.atime = job.get("atime", False)
        self.sparse = job.get("sparse", False)
        self.limit = job.get("limit", 1000)
        self.skip = frozenset(job.get("except", []))
        self.differences = []
        self.more = 0
        self.counts = {"entries": 0, "files": 0, "dirs": 0, "bytes": 0}
        self.groups_a, self.groups_b = {}, {}  # (dev, ino) -> paths
        self.both = []  # paths with nlink > 1 on either side, present in both

    def report(self, path, what, a, b):
        if what in self.ignore:
            return
        if len(self.differences) < self.limit:
            self.differences.append({"path": text(path), "what": what, "a": a, "b": b})
        else:
            self.more += 1

    def times(self, path, what, a, b):
        step = self.granularity
        if a // step != b // step:
            self.report(path, what, str(a), str(b))

    def entry(self, fd_a, fd_b, name, path, a, b):
        self.counts["entries"] += 1
        if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
            self.report(path, "type", kind(a), kind(b))
            return False
        link = stat.S_ISLNK(a.st_mode)
        if a.st_mode != b.st_mode and not link:
            self.report(path, "mode", oct(stat.S_IMODE(a.st_mode)), oct(stat.S_IMODE(b.st_mode)))
        if a.st_uid != b.st_uid:
            self.report(path, "uid", a.st_uid, b.st_uid)
        if a.st_gid != b.st_gid:
            self.report(path, "gid", a.st_gid, b.st_gid)
        if a.st_mtime_ns != b.st_mtime_ns:
            self.times(path, "dir-mtime" if stat.S_ISDIR(a.st_mode) else "link-mtime" if link else "mtime", a.st_mtime_ns, b.st_mtime_ns)
        if self.atime and a.st_atime_ns != b.st_atime_ns:
            self.times(path, "atime", a.st_atime_ns, b.st_atime_ns)
        if "xattr" not in self.ignore or "acl" not in self.ignore:
            xa, xb = xattrs(fd_a, name, a), xattrs(fd_b, name, b)
            if xa != xb:
                for what, mine in (("acl", True), ("xattr", False)):
                    pa = {k: v for k, v in xa.items() if k.startswith("system.posix_acl_") == mine}
                    pb = {k: v for k, v in xb.items() if k.startswith("system.posix_acl_") == mine}
                    if pa != pb:
                        self.report(path, what, shown(pa), shown(pb))
        if stat.S_ISREG(a.st_mode):
            self.counts["files"] += 1
            self.counts["bytes"] += a.st_size
            if a.st_size != b.st_size:
                self.report(path, "size", a.st_size, b.st_size)
            elif a.st_size and "content" not in self.ignore and (a.st_dev, a.st_ino) != (b.st_dev, b.st_ino):
                at = first_difference(fd_a, fd_b, name)
                if at is not None:
                    self.report(path, "content", "byte %d" % at, "byte %d" % at)
            if self.sparse and a.st_blocks * 512 + 65536 < b.st_blocks * 512:
                self.report(path, "allocation", a.st_blocks * 512, b.st_blocks * 512)
        elif link:
            ta, tb = os.readlink(name, dir_fd=fd_a), os.readlink(name, dir_fd=fd_b)
            if ta != tb:
                self.report(path, "link", text(os.fsencode(ta)), text(os.fsencode(tb)))
        elif stat.S_ISBLK(a.st_mode) or stat.S_ISCHR(a.st_mode):
            if a.st_rdev != b.st_rdev:
                self.report(path, "rdev", "%d:%d" % (os.major(a.st_rdev), os.minor(a.st_rdev)),
                            "%d:%d" % (os.major(b.st_rdev), os.minor(b.st_rdev)))
        if not stat.S_ISDIR(a.st_mode) and (a.st_nlink > 1 or b.st_nlink > 1):
            self.groups_a.setdefault((a.st_dev, a.st_ino), []).append(path)
            self.groups_b.setdefault((b.st_dev, b.st_ino), []).append(path)
        return stat.S_ISDIR(a.st_mode)

    def folder(self, fd_a, fd_b, path):
        self.counts["dirs"] += 1
        names_a = {os.fsencode(name) for name in os.listdir(fd_a)}
        names_b = {os.fsencode(name) for name in os.listdir(fd_b)}
        for name in sorted(names_a | names_b):
            full = path + b"/" + name if path else name
            if text(full) in self.skip:
                continue
            if name not in names_b:
                self.report(full, "missing", kind(os.stat(name, dir_fd=fd_a, follow_symlinks=False)), "absent")
                continue
            if name not in names_a:
                self.report(full, "extra", "absent", kind(os.stat(name, dir_fd=fd_b, follow_symlinks=False)))
                continue
            try:
                a = os.stat(name, dir_fd=fd_a, follow_symlinks=False)
                b = os.stat(name, dir_fd=fd_b, follow_symlinks=False)
                if not self.entry(fd_a, fd_b, name, full, a, b):
                    continue
                deeper_a = opened(name, FOLDER, fd_a)
                try:
                    deeper_b = opened(name, FOLDER, fd_b)
                    try:
                        self.folder(deeper_a, deeper_b, full)
                    finally:
                        os.close(deeper_b)
                finally:
                    os.close(deeper_a)
            except OSError as error:
                self.report(full, "unreadable", str(error.strerror), str(error.strerror))

    def link_groups(self):
        """Equal where every path has the same first path of its group in both trees."""
        first_b = {}
        for paths in self.groups_b.values():
            for path in paths:
                first_b[path] = paths[0]
        for paths in self.groups_a.values():
            for path in paths:
                if first_b[path] != paths[0]:
                    self.report(path, "hardlink", text(paths[0]), text(first_b[path]))

    def run(self, a, b, with_root):
        fd_a = opened(a.encode("latin-1"), os.O_RDONLY | os.O_DIRECTORY)
        try:
            fd_b = opened(b.encode("latin-1"), os.O_RDONLY | os.O_DIRECTORY)
            try:
                if with_root:
                    self.entry(fd_a, fd_b, b".", b"", os.stat(fd_a), os.stat(fd_b))
                self.folder(fd_a, fd_b, b"")
            finally:
                os.close(fd_b)
        finally:
            os.close(fd_a)
        self.link_groups()
        return {"differences": self.differences, "more": self.more, "counts": self.counts}


def dump(fd, path, out):
    for name in sorted(os.fsencode(name) for name in os.listdir(fd)):
        full = path + b"/" + name if path else name
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        out.append(facts(fd, name, full, st))
        if stat.S_ISDIR(st.st_mode):
            try:
                deeper = opened(name, FOLDER, fd)
            except PermissionError:
                continue
            try:
                dump(deeper, full, out)
            finally:
                os.close(deeper)


def facts(fd, name, path, st):
    entry = {"path": text(path), "type": kind(st), "mode": stat.S_IMODE(st.st_mode), "uid": st.st_uid, "gid": st.st_gid,
             "size": st.st_size, "mtime": str(st.st_mtime_ns), "atime": str(st.st_atime_ns), "ino": "%d:%d" % (st.st_dev, st.st_ino),
             "nlink": st.st_nlink, "allocated": st.st_blocks * 512, "major": os.major(st.st_rdev), "minor": os.minor(st.st_rdev),
             "xattrs": {key: text(value) for key, value in xattrs(fd, name, st).items()}}
    if stat.S_ISLNK(st.st_mode):
        entry["to"] = text(os.fsencode(os.readlink(name, dir_fd=fd)))
    return entry


def compare(job):
    """Differences between the trees `a` and `b`, with how much was looked at."""
    return Comparer(job).run(job["a"], job["b"], job.get("root", True))


def listing(job):
    """The facts of every entry of the tree `dump`; the root's path is empty."""
    fd = opened(job["dump"].encode("latin-1"), os.O_RDONLY | os.O_DIRECTORY)
    try:
        out = [facts(fd, b".", b"", os.stat(fd))]
        dump(fd, b"", out)
    finally:
        os.close(fd)
    return out


def prepare():
    """Trees may be deeper than Python's and the system's defaults allow: one handle a level."""
    sys.setrecursionlimit(20000)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    prepare()
    question = json.loads(sys.stdin.buffer.read())
    json.dump(listing(question) if "dump" in question else compare(question), sys.stdout)
