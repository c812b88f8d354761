#!/bin/sh
# git.sh FOLDER SECONDS: what people do with git, over and over, then quiet. Packs, refs, locks, renames into place, whole trees that come and go.
set -eu
cd "$1"
until=$(($(date +%s) + $2))
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init -q -b main repo
cd repo
round=0
while :; do
  round=$((round + 1))
  for d in 1 2 3; do
    mkdir -p "d$d/$((round % 4))"
    for f in 1 2 3 4 5; do echo "$round $d $f $(head -c 300 /dev/urandom | base64 -w0)" >> "d$d/$((round % 4))/f$f"; done
  done
  git add -A && git commit -qm "round $round"
  git checkout -q -b "topic$round" HEAD~0
  git mv d1 "moved$round" && git commit -qm "moved $round"
  echo "$round" > "only-here" && git add -A && git commit -qm "topic $round"
  git checkout -q main
  echo "main $round" >> main.txt && git add -A && git commit -qm "main $round"
  git checkout -q "topic$round" && git rebase -q main && git checkout -q main
  [ $((round % 3)) -ne 0 ] || { git branch -D "topic$round" > /dev/null; git reset -q --hard HEAD~1; git gc -q --prune=now; }
  [ $((round % 4)) -ne 1 ] || { rm -rf ../clone && git clone -q . ../clone; }
  [ "$(date +%s)" -lt "$until" ] || break
done
git checkout -q main
