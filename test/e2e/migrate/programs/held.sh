#!/bin/sh
# held.sh FAULTS JOURNAL COMMAND...: starts COMMAND, which serves the other host, and holds that back while FAULTS/start names the state in which the migration is.
faults=$1 journal=$2
shift 2
state=$(cat "$faults/start" 2>/dev/null)
if [ -n "$state" ] && grep '"event":"state"' "$journal" | tail -n 1 | grep -q "\"$state\""; then
  : > "$faults/start.held"
  while [ -e "$faults/start" ]; do sleep 0.02; done
fi
exec "$@"
