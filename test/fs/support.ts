/**
 * What the tests of src/fs share: both implementations, byte names, open handles counted by the kernel's own
 * table, and folders to work in. What a call did is judged by Node's fs or by support's comparer, never by Posix.
 */
import assert from 'node:assert';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { NativePosix, PortablePosix, type Posix } from '../../src/fs/index.js';
import type { ByteString } from '../../src/tree/index.js';

export const b = (text: string): ByteString => text as ByteString;
/** The path of a byte name below a text path, as Node takes it. */
export const bytePath = (folder: string, name: string): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);

/** Names that a program which decodes, quotes or prints names gets wrong. */
export const ODD_NAMES: readonly string[] = [
  ' ', '-rf', '...', '\n', 'new\nline', '\x01', '\x7f', '"', "'", '\\', '*', '$(x)', '\xff', '\xff\xfe', '\xc3\xa9', '\xe9', 'a'.repeat(255), '\xff'.repeat(255), 'é'.normalize('NFD').replace(/[^ -~]/g, '\xcc\x81'),
];

let native: NativePosix | undefined;
/** Both implementations; made when first used, one for all tests. */
export const IMPLEMENTATIONS: readonly { kind: Posix['kind']; posix: () => Posix }[] = [
  { kind: 'native', posix: () => (native ??= new NativePosix()) },
  { kind: 'portable', posix: () => new PortablePosix() },
];

/** What each open handle of this process stands for, those of Node's own machinery left out. */
export function openHandles(): string[] {
  const found: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    let what: string;
    try {
      what = readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      continue; // the handle readdir itself used
    }
    if (what.startsWith('/') && !what.startsWith('/dev/') && !what.startsWith('/proc/')) found.push(`${fd} ${what}`);
  }
  return found.sort();
}

/** In a `describe`: fails a test that leaves a handle open. */
export function checkHandles(): void {
  let before: string[] = [];
  beforeEach('count handles', () => { before = openHandles(); });
  afterEach('no handle is left open', () => assert.deepStrictEqual(openHandles(), before));
}

/** In a `describe`: a new folder below `parent()` for each test, and a handle of it. Fails a test that leaves another handle open. */
export function useFolder(parent: () => string, posix: () => Posix): { readonly path: string; readonly at: number } {
  let serial = 0;
  let path = '';
  let at = -1;
  let before: string[] = [];
  beforeEach('make and open a folder', () => {
    before = openHandles();
    path = join(parent(), `folder-${posix().kind}-${serial++}`);
    mkdirSync(path);
    at = posix().openRoot(Buffer.from(path).toString('latin1') as ByteString);
    assert.ok(at >= 0, `openRoot answers ${at}`);
  });
  afterEach('close the folder', () => {
    assert.strictEqual(posix().close(at), 0);
    assert.deepStrictEqual(openHandles(), before, 'a handle was left open');
  });
  return { get path() { return path; }, get at() { return at; } };
}
