/** A lock with a note: who holds it keeps others out, who only looks does not. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadOwnPosix } from '../../src/fs/index.js';
import { NoteLock } from '../../src/state/index.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('state: a lock with a note', () => {
  const tmp = useTempFolder('note-lock');
  const posix = loadOwnPosix();
  const name = fromText('lock');
  let at = -1;
  let looks: ChildProcess | undefined;
  beforeEach(() => { at = posix.openRoot(fromText(tmp.path)); });
  afterEach(() => {
    looks?.kill('SIGKILL');
    posix.close(at);
  });

  /** Another process has it as one of several, as who asks for the holder has for a moment. */
  async function looking(until: string): Promise<void> {
    looks = spawn('flock', ['--shared', tmp.at('lock'), 'sh', '-c', `echo; ${until}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(looks.stdout as NodeJS.ReadableStream, 'data');
  }

  it('keeps a second one out, and tells who it is', () => {
    const lock = NoteLock.take(posix, at, name, 'first');
    assert.ok(lock instanceof NoteLock);
    assert.equal(NoteLock.take(posix, at, name, 'second'), 'held');
    assert.deepEqual([NoteLock.holder(posix, at, name), readFileSync(tmp.at('lock'), 'latin1')], ['first', 'first']);
    lock.release();
    assert.equal(NoteLock.holder(posix, at, name), undefined);
  });

  it('is not held by somebody who looks, and is waited for', async () => {
    await looking('sleep 0.2');
    const lock = NoteLock.take(posix, at, name, 'first');
    assert.ok(lock instanceof NoteLock, String(lock));
    assert.equal(NoteLock.holder(posix, at, name), 'first');
    lock.release();
  });

  it('is given up where somebody looks for ever', async () => {
    await looking('read forever');
    assert.equal(NoteLock.take(posix, at, name, 'first'), 'held');
  });
});
