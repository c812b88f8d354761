/**
 * Services of a host without systemd: a stand-in for systemctl(1), to be put first in the PATH of what runs on that host. It starts, stops and asks
 * for units that are described here, as systemd does: again is fine, stopped means that no process of it is left, and started that it answers. Each start and end is
 * written down with its time, so that afterwards anybody can tell who served when.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A service: a program in the foreground. */
export interface Unit {
  readonly command: readonly string[];
  /** Whose it is. Default: root. */
  readonly user?: string;
  /** What ends it in good order. Default: TERM. */
  readonly stop?: 'TERM' | 'INT' | 'QUIT';
  /** Shell words that succeed when it serves. */
  readonly ready: string;
}

/** When a service of a host served, milliseconds since 1970; without an end it still does. */
export interface Served { readonly from: number; readonly until: number }

export class Units {
  readonly bin: string;
  private readonly folder: string;

  /** `folder`: where it keeps its things. */
  constructor(folder: string) {
    this.folder = folder;
    this.bin = join(folder, 'bin');
    mkdirSync(this.bin, { recursive: true });
    writeFileSync(join(this.bin, 'systemctl'), `#!/bin/sh\nset -eu\nverb=$1; shift\nfor unit; do '${folder}'/"$unit".unit "$verb"; done\n`, { mode: 0o755 });
  }

  /** Installs a unit, not started. */
  add(name: string, unit: Unit): void {
    const words = [...(unit.user === undefined ? [] : ['setpriv', `--reuid=${unit.user}`, `--regid=${unit.user}`, '--init-groups']), ...unit.command].map(quoted).join(' ');
    writeFileSync(join(this.folder, `${name}.unit`), `#!/bin/bash
cd /
base=${quoted(join(this.folder, name))}
pid=$(cat "$base.pid" 2>/dev/null || true)
runs() { [[ -n $pid && -n $(ps -o stat= -s "$pid" | grep -v '^Z') ]]; }
leads() { [[ -n $(ps -o stat= -p "$pid" | grep -v '^Z') ]]; }
serves() { ${unit.ready}; }
case $1 in
start)
  if runs; then exit 0; fi
  echo "start $(date +%s%3N)" >> "$base.times"
  setsid bash -c 'echo $$ > "$0.pid"; exec "$@"' "$base" ${words} </dev/null >>"$base.log" 2>&1 &
  for ((i = 0; i < 3000; i++)); do
    pid=$(cat "$base.pid" 2>/dev/null)
    if serves >/dev/null 2>&1; then exit 0; fi
    if ((i > 50)) && ! runs; then break; fi
    sleep 0.01
  done
  tail -n 5 "$base.log" >&2
  exit 1 ;;
stop)
  if ! runs; then exit 0; fi
  kill -${unit.stop ?? 'TERM'} "$pid"
  for ((i = 0; i < 3000; i++)); do
    if ! runs; then rm -f "$base.pid"; echo "stop $(date +%s%3N)" >> "$base.times"; exit 0; fi
    leads || pkill -KILL -s "$pid" || true # KillMode=mixed: what is left of it, such as who waits for a client whose address has moved
    sleep 0.01
  done
  echo "it does not end" >&2
  exit 1 ;;
is-active) runs ;;
*) echo "systemctl $1: not known here" >&2; exit 2 ;;
esac
`, { mode: 0o755 });
  }

  /** When it served, oldest first. */
  served(name: string): Served[] {
    const path = join(this.folder, `${name}.times`);
    const spans: Served[] = [];
    for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
      const [what, at] = line.split(' ');
      if (what === 'start') spans.push({ from: Number(at), until: Infinity });
      else if (what === 'stop') spans.push({ from: spans.pop()?.from ?? 0, until: Number(at) });
    }
    return spans;
  }

  /** What a service said. */
  log(name: string): string {
    const path = join(this.folder, `${name}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }
}

export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
