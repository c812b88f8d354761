#!/bin/sh
# stress.sh FOLDER SECONDS: stress-ng at files and folders; it takes away what it made.
set -eu
exec stress-ng --temp-path "$1" --timeout "$2s" --quiet --hdd 1 --hdd-bytes 8M --dir 1 --dir-dirs 200 --rename 1 --link 1 --symlink 1 --chmod 1 --utime 1 --fallocate 1 --fallocate-bytes 8M --dentry 1 --dentries 300 --hdd-ops 200 --dir-ops 400 --rename-ops 4000 --link-ops 2000 --symlink-ops 2000 --chmod-ops 2000 --utime-ops 2000 --fallocate-ops 200 --dentry-ops 3000
