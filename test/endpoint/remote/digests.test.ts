/** Folders that both ends have do not travel; whatever differs in one of them is found all the same. */
import assert from 'node:assert/strict';
import { chmodSync, lutimesSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { assertSameTree, useTempFolder } from '../../support/index.js';
import { syncBy } from '../../e2e/remote-support.js';

const FOLDERS = 24;
const FILES = 50;
const THEN = 1_600_000_000;

describe('a run between hosts with little to do', function () {
  const tmp = useTempFolder('digests');

  /** A remote shell that keeps what went up in `up`, and what came down in `down`. */
  function shell(): string {
    const path = tmp.at('rsh');
    writeFileSync(path, `#!/bin/sh\nshift\ntee '${tmp.at('up')}' | sh -c "$*" | tee '${tmp.at('down')}'\n`, { mode: 0o755 });
    return path;
  }

  function make(root: string): void {
    for (let k = 0; k < FOLDERS; k++) {
      const folder = `${root}/area${k % 4}/folder${k}`;
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < FILES; i++) {
        writeFileSync(`${folder}/file-${i}`, 'x'.repeat((k * i * 7919) % 3000));
        utimesSync(`${folder}/file-${i}`, THEN + i, THEN + k);
      }
      symlinkSync('file-1', `${folder}/link`);
      lutimesSync(`${folder}/link`, THEN, THEN);
    }
  }

  function push(...options: string[]): number {
    const done = syncBy('push', shell(), ['-a', '--delete', ...options], `${tmp.at('s')}/`, tmp.at('t'));
    assert.equal(done.code, 0, done.stderr);
    return statSync(tmp.at('up')).size;
  }

  it('sends some bytes a folder where nothing differs, and whole listings where the options look at more', () => {
    make(tmp.at('s'));
    push();
    assertSameTree(tmp.at('s'), tmp.at('t'));
    const nothing = push();
    // The opening, and for each folder (24 and the four above them, and the root) a digest of 8 bytes, its path and some bytes of frames.
    assert.ok(nothing < 1200 + 29 * 32, `${nothing} bytes went up`);
    const down = statSync(tmp.at('down')).size;
    assert.ok(down < 2500, `${down} bytes came down`);
    const links = push('-H');
    assert.ok(links > 2 * nothing, `${links} bytes went up with -H, ${nothing} without`);
  });

  it('sends for 250 bytes changed in a large file some hundred bytes, both ways together less than 4,000 besides', () => {
    for (const root of ['s', 't']) mkdirSync(tmp.at(root));
    const content = Buffer.alloc(64 << 20);
    for (let i = 0, x = 1; i < content.length; i += 4) content.writeInt32LE((x = Math.imul(x, 1664525) + 1013904223) | 0, i);
    writeFileSync(tmp.at('t', 'large'), content);
    for (let i = 0; i < 250; i++) content[40_000_123 + i] = i;
    writeFileSync(tmp.at('s', 'large'), content);
    const up = push();
    const down = statSync(tmp.at('down')).size;
    assert.ok(readFileSync(tmp.at('t', 'large')).equals(content));
    assert.ok(up + down < 4000 + 1500, `${up} bytes went up, ${down} came down`);
  });

  it('finds what differs in a folder, at either end, and lists only that folder', () => {
    make(tmp.at('s'));
    push();
    const nothing = push();
    const changes: Record<string, (root: string) => void> = {
      'a file of the same size': (root) => { writeFileSync(`${root}/area1/folder1/file-3`, 'y'.repeat(readFileSync(`${root}/area1/folder1/file-3`).length)); },
      permissions: (root) => { chmodSync(`${root}/area2/folder2/file-4`, 0o600); },
      'permissions of a folder': (root) => { chmodSync(`${root}/area2/folder6`, 0o700); },
      'a new file': (root) => { writeFileSync(`${root}/area3/folder3/new`, 'new'); },
      'a file that went': (root) => { rmSync(`${root}/area0/folder4/file-9`); },
      'a folder that went': (root) => { rmSync(`${root}/area0/folder8`, { recursive: true }); },
      'a folder of another name': (root) => { renameSync(`${root}/area0/folder12`, `${root}/area0/renamed`); },
      'a file in the place of a folder': (root) => { rmSync(`${root}/area1/folder5`, { recursive: true }); writeFileSync(`${root}/area1/folder5`, 'f'); },
      'a symlink that leads elsewhere': (root) => {
        const link = `${root}/area1/folder9/link`;
        rmSync(link);
        symlinkSync('file-2', link);
        lutimesSync(link, THEN, THEN);
        utimesSync(`${root}/area1/folder9`, THEN, THEN);
      },
    };
    for (const side of ['t', 's']) {
      for (const [what, change] of Object.entries(changes)) {
        change(tmp.at(side));
        const bytes = push();
        assertSameTree(tmp.at('s'), tmp.at('t'));
        assert.ok(side === 't' || bytes < nothing + 8000, `${what} cost ${bytes} bytes`);
      }
    }
    assert.ok(push() <= nothing + 500);
  }).timeout(120_000);
});
