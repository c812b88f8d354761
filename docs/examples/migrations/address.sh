#!/bin/sh
# address.sh take|drop ADDRESS/PREFIX DEVICE: this host takes the address that clients use, or drops it. Doing it again changes nothing.
# Who takes it tells all neighbours (gratuitous ARP), so that they do not ask the other host until their caches run out. As root, on both hosts.
set -eu
verb=$1 address=$2 device=$3
held() { [ -n "$(ip -o addr show dev "$device" to "${address%/*}")" ]; }
case $verb in
take)
  held || ip addr add "$address" dev "$device"
  # It sends at once and then waits for a second: nobody else has to.
  setsid arping -q -A -c 3 -I "$device" "${address%/*}" </dev/null >/dev/null 2>&1 &
  ;;
drop)
  ! held || ip addr del "$address" dev "$device"
  ;;
*)
  echo "address.sh: take or drop, not $verb" >&2
  exit 2
  ;;
esac
