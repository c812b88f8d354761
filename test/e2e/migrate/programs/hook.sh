#!/bin/sh
# hook.sh FAULTS KIND COMMAND: a hook, in which a test has something go wrong: what is in FAULTS/KIND tells what. Otherwise, and after that, COMMAND is run.
faults=$1 kind=$2
case $(cat "$faults/$kind" 2>/dev/null) in
fail) exit 7 ;;
fail-after) sh -c "$3"; exit 7 ;;
hang) sleep 98765; exit 0 ;;
die) kill -9 $$ ;;
hold)
  : > "$faults/$kind.held"
  while [ -e "$faults/$kind" ]; do sleep 0.02; done
  ;;
esac
exec sh -c "$3"
