#!/bin/sh
# postgres.sh FOLDER SECONDS SOCKETS: a PostgreSQL cluster in FOLDER/pg under pgbench, then stopped. SOCKETS: a folder outside of the tree. As root.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
run() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups env -i LC_ALL=C PATH="$bin:/usr/bin:/bin" HOME="$sockets" "$@"); }
folder=$1 seconds=$2 sockets=$3
install -d -o postgres -m 700 "$folder/pg" "$sockets"
run initdb -D "$folder/pg" -A trust -N > /dev/null
printf "listen_addresses = ''\nunix_socket_directories = '%s'\nshared_buffers = 16MB\nmax_wal_size = 48MB\nmin_wal_size = 32MB\ncheckpoint_timeout = 30s\nlog_destination = stderr\n" "$sockets" >> "$folder/pg/postgresql.conf"
run pg_ctl -D "$folder/pg" -l "$sockets/log" -w start > /dev/null
run pgbench -h "$sockets" -i -q -s 2 postgres 2> /dev/null
run pgbench -h "$sockets" -n -c 2 -T "$seconds" postgres > /dev/null 2>&1
run psql -h "$sockets" -q -c 'vacuum full pgbench_accounts' -c 'create table gone as select * from pgbench_accounts' -c 'drop table gone' postgres
run pg_ctl -D "$folder/pg" -m fast -w stop > /dev/null
