#!/bin/sh
# compile.sh FOLDER SECONDS REPOSITORY: the project's own sources, copied and compiled below FOLDER, over and over.
set -eu
until=$(($(date +%s) + $2))
while :; do
  rm -rf "$1/project" && mkdir "$1/project"
  cp -a "$3/src" "$3/tsconfig.json" "$3/package.json" "$1/project"
  ln -s "$3/node_modules" "$1/project/node_modules"
  (cd "$1/project" && node node_modules/typescript/bin/tsc -p tsconfig.json --outDir out)
  [ "$(date +%s)" -lt "$until" ] || break
done
