"""Builds a file tree from a description, for tests. Loaded by helper.py.

Works below folder handles, so names are any bytes and paths may be longer than PATH_MAX. Raises with the failing
path. The description is made by trees.ts: strings are one unit per byte.
"""
import os
import stat
import struct

TYPES = {"fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK, "block": stat.S_IFBLK, "char": stat.S_IFCHR}
ACL_TAGS = {"u": (0x01, 0x02), "g": (0x04, 0x08), "m": (0x10, 0x10), "o": (0x20, 0x20)}
NO_ID = 0xFFFFFFFF


def raw(text):
    return text.encode("latin-1")


def content(part):
    if isinstance(part, str):
        return raw(part)
    from random import Random  # slow to load, and few trees need it
    return Random(part["seed"]).randbytes(part["size"])


def acl_value(text, mode):
    """The posix_acl_* attribute for text such as `u:1000:rw-,m::rwx`; missing base entries come from the mode."""
    entries = {(0x01, NO_ID): mode >> 6 & 7, (0x04, NO_ID): mode >> 3 & 7, (0x20, NO_ID): mode & 7}
    named = False
    for item in text.split(","):
        kind, who, perms = item.split(":")
        base, other = ACL_TAGS[kind]
        bits = sum(bit for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if letter in perms)
        named = named or who != ""
        entries[(other if who else base, int(who) if who else NO_ID)] = bits
    if named and (0x10, NO_ID) not in entries:
        entries[(0x10, NO_ID)] = 7
    packed = b"".join(struct.pack("<HHI", tag, bits, who) for (tag, who), bits in sorted(entries.items()))
    return struct.pack("<I", 2) + packed


class Builder:
    def __init__(self):
        self.shared = {}  # hard-link id -> (folder path parts, name)
        self.path = b""

    def attributes(self, fd, name, node):
        """Owner, then xattrs, mode, ACLs, and times last: each step would undo a later one."""
        link = node["type"] == "symlink"
        if "uid" in node or "gid" in node:
            os.chown(name, node.get("uid", -1), node.get("gid", -1), dir_fd=fd, follow_symlinks=False)
        spot = b"/proc/self/fd/%d/%s" % (fd, name)
        for key, value in node.get("xattrs", {}).items():
            os.setxattr(spot, raw(key), raw(value), follow_symlinks=False)
        if not link:
            os.chmod(name, node["mode"], dir_fd=fd)
        if "acl" in node:
            os.setxattr(spot, b"system.posix_acl_access", acl_value(node["acl"], node["mode"]))
        if "defaultAcl" in node:
            os.setxattr(spot, b"system.posix_acl_default", acl_value(node["defaultAcl"], node["mode"]))
        if "mtime" in node or "atime" in node:
            now = os.stat(name, dir_fd=fd, follow_symlinks=False)
            times = (int(node.get("atime", now.st_atime_ns)), int(node.get("mtime", now.st_mtime_ns)))
            os.utime(name, ns=times, dir_fd=fd, follow_symlinks=False)

    def file(self, fd, name, node):
        out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd)
        try:
            for offset, part in node["data"]:
                data = memoryview(content(part))
                while data:
                    done = os.pwrite(out, data, offset)
                    data = data[done:]
                    offset += done
            if "size" in node:
                os.ftruncate(out, node["size"])
        finally:
            os.close(out)

    def node(self, root, fd, folder, name, node):
        self.path = b"/".join(folder + [name])
        kind = node["type"]
        if kind == "link":
            leader_folder, leader = self.shared[node["id"]]
            at = self.open_below(root, leader_folder)
            try:
                os.link(leader, name, src_dir_fd=at, dst_dir_fd=fd, follow_symlinks=False)
            finally:
                os.close(at)
            return
        if "id" in node:
            self.shared[node["id"]] = (folder, name)
        if kind == "dir":
            os.mkdir(name, 0o700, dir_fd=fd)
            self.folder(root, fd, folder, name, node)
            return
        if kind == "file":
            self.file(fd, name, node)
        elif kind == "symlink":
            os.symlink(raw(node["to"]), name, dir_fd=fd)
        else:
            os.mknod(name, TYPES[kind] | 0o600, os.makedev(node.get("major", 0), node.get("minor", 0)), dir_fd=fd)
        self.attributes(fd, name, node)

    def folder(self, root, fd, folder, name, node):
        inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        try:
            for child, what in node["children"].items():
                self.node(root, inside, folder + [name], raw(child), what)
        finally:
            os.close(inside)

    def finish(self, fd, folder, name, node):
        """Folder attributes, deepest first, once nothing changes inside any more."""
        if node["type"] != "dir":
            return
        if any(child["type"] == "dir" for child in node["children"].values()):
            inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                for child, what in node["children"].items():
                    self.finish(inside, folder + [name], raw(child), what)
            finally:
                os.close(inside)
        self.path = b"/".join(folder + [name])
        self.attributes(fd, name, node)

    @staticmethod
    def open_below(root, folder):
        at = os.open(b".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
        for part in folder:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = deeper
        return at


class Unmade(Exception):
    """The path that could not be made, and why."""


def make(job):
    """Builds the tree `tree` in the folder `root`, under the umask `umask`."""
    before = os.umask(job["umask"])
    try:
        path = raw(job["root"])
        os.makedirs(path, exist_ok=True)
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            build(root, job)
        finally:
            os.close(root)
    finally:
        os.umask(before)


def build(root, job):
    builder = Builder()
    try:
        for name, node in job["tree"]["children"].items():
            builder.node(root, root, [], raw(name), node)
        for name, node in job["tree"]["children"].items():
            builder.finish(root, [], raw(name), node)
        builder.path = b"."
        if job["setRoot"]:
            builder.attributes(root, b".", job["tree"])
    except OSError as error:
        raise Unmade("%r: %s" % (builder.path, error)) from error
