#!/bin/sh
# postgres-check.sh FOLDER SOCKETS: starts the cluster of a copy, checks its pages and its sums, and stops it. Prints how many transactions it holds.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
folder=$1 sockets=$2
run() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups env -i LC_ALL=C PATH="$bin:/usr/bin:/bin" HOME="$sockets" "$@"); }
run pg_ctl -D "$folder/pg" -l "$sockets/log" -w start > /dev/null
trap 'run pg_ctl -D "$folder/pg" -m fast -w stop > /dev/null' EXIT
run psql -h "$sockets" -At postgres <<SQL
select count(*) from pgbench_history;
select case when (select sum(delta) from pgbench_history) = (select sum(bbalance) from pgbench_branches) and (select sum(bbalance) from pgbench_branches) = (select sum(abalance) from pgbench_accounts)
  and (select sum(tbalance) from pgbench_tellers) = (select sum(bbalance) from pgbench_branches) then 'balanced' else 'broken' end;
SQL
