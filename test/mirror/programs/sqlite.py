#!/usr/bin/env python3
"""sqlite.py FOLDER SECONDS: transactions on two SQLite databases, one with a rollback journal, one with a write-ahead log, which ends checkpointed."""
import os
import sqlite3
import sys
import time


def main():
    folder, seconds = sys.argv[1], float(sys.argv[2])
    bases = []
    for mode in ("delete", "wal"):
        base = sqlite3.connect(os.path.join(folder, f"{mode}.db"), isolation_level=None)
        base.execute(f"pragma journal_mode={mode}")
        base.execute("create table if not exists t (id integer primary key, n integer, body blob)")
        base.execute("create index if not exists t_n on t (n)")
        bases.append(base)
    until, n = time.monotonic() + seconds, 0
    while n < 20 or time.monotonic() < until:
        n += 1
        for base in bases:
            base.execute("begin immediate")
            base.executemany("insert into t (n, body) values (?, ?)", [(n * k, os.urandom(100 + 37 * k)) for k in range(30)])
            base.execute("update t set n = n + 1 where id % 7 = ?", (n % 7,))
            if n % 5 == 0:
                base.execute("delete from t where id % 11 = ?", (n % 11,))
            base.execute("rollback" if n % 13 == 0 else "commit")
        if n % 40 == 0:
            for base in bases:
                base.execute("vacuum")
        time.sleep(0.01)
    bases[1].execute("pragma wal_checkpoint(truncate)")
    for base in bases:
        base.close()


main()
