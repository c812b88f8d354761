/** The state of a pair of roots: where it lies, who holds it, which version it has, and what happens where it is damaged. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPosix } from '../../src/fs/index.js';
import { DirtyReason, openTables, pairFolder, PairState } from '../../src/state/index.js';
import { checkFormat, type Migrations } from '../../src/state/store/format.js';
import { fromText, TwintreeError, type RelPath } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { fingerprint, openPair } from './support.js';

const CHILD = fileURLToPath(new URL('./dirty-child.js', import.meta.url));
const NAME = 'a/file' as RelPath;
const record = { source: { fingerprint: fingerprint(1), hash: Buffer.alloc(16, 1), moment: 5 }, target: undefined, leader: false };

function refusal(act: () => unknown): TwintreeError {
  try {
    act();
  } catch (error) {
    if (error instanceof TwintreeError) return error;
    throw error;
  }
  return assert.fail('was not refused');
}

describe('state: a pair of roots', () => {
  const tmp = useTempFolder('pair');
  const folder = (): string => pairFolder(fromText(tmp.at('state')), { source: fromText('/a'), target: fromText('/b') });

  /** Makes a state with one record and 200 more, and closes it. */
  async function make(): Promise<void> {
    const state = openPair(tmp.at('state'));
    state.write(() => { for (let k = 0; k < 200; k++) state.index.put((k === 0 ? NAME : `b/${k}`) as RelPath, record); });
    state.dirty.clearTree(state.dirty.sequence);
    state.dirty.add([{ path: NAME, subtree: false, reasons: DirtyReason.Event }]);
    await state.close();
  }

  /** Opens it: what is told, whether the record and the dirty path are there. */
  async function look(): Promise<{ told: string[]; indexed: boolean; dirty: string[] }> {
    const told: string[] = [];
    const state = openPair(tmp.at('state'), { notice: (code) => told.push(code) });
    try {
      return { indexed: state.index.get(NAME) !== undefined, dirty: state.dirty.list().map(({ path }) => path), told };
    } finally {
      await state.close();
    }
  }

  it('is kept from run to run, for its user alone, and read by other threads', async () => {
    await make();
    assert.equal(statSync(folder()).mode & 0o777, 0o700);
    assert.deepEqual(await look(), { told: [], indexed: true, dirty: [NAME] });
    const state = openPair(tmp.at('state'));
    const other = openTables(fromText(folder()));
    assert.deepEqual(other.index.get(NAME), record);
    other.write(() => other.index.remove(NAME));
    assert.equal(state.index.get(NAME), undefined);
    await other.close();
    await state.close();
    const text = JSON.parse(readFileSync(join(folder(), 'format.json'), 'utf8')) as unknown;
    assert.deepEqual(text, { twintree: 'state', format: 1, source: '/a', target: '/b' });
  });

  it('belongs to one run at a time, and a second one is told to whom', async () => {
    const state = openPair(tmp.at('state'), { clock: () => 1_700_000_000_000 });
    const error = refusal(() => openPair(tmp.at('state')));
    assert.equal(error.code, 'LOCKED');
    assert.match(error.message, new RegExp(`process ${process.pid}, since 2023-11-14T22:13:20`));
    const other = openPair(tmp.at('state'), { pair: { source: fromText('/a'), target: fromText('/c') } });
    await other.close();
    await state.close();
    await openPair(tmp.at('state')).close();
  });

  it('is free again when its holder was killed', async () => {
    const child = spawn(process.execPath, [CHILD, tmp.at('state'), '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const error = refusal(() => openPair(tmp.at('state')));
    assert.match(error.message, new RegExp(`process ${child.pid}`));
    child.kill('SIGKILL');
    await once(child, 'close');
    await openPair(tmp.at('state')).close();
  });

  it('is refused inside a tree, through a symlink or not made yet', () => {
    mkdirSync(tmp.at('tree/below'), { recursive: true });
    const fd = openSync(tmp.at('tree'), 'r');
    for (const place of ['tree', 'tree/below/not/yet', 'tree/state']) assert.equal(refusal(() => openPair(tmp.at(place), { roots: [fd] })).code, 'STATE', place);
    assert.ok(!existsSync(tmp.at('tree/state')));
    const state = openPair(tmp.at('tree-state'), { roots: [fd] });
    closeSync(fd);
    return state.close();
  });

  it('of a newer version is refused with what to do, and left as it is', async () => {
    await make();
    writeFileSync(join(folder(), 'format.json'), '{"twintree":"state","format":2}');
    const error = refusal(() => openPair(tmp.at('state')));
    assert.equal(error.code, 'STATE');
    assert.match(`${error.message} ${error.advice}`, /newer twintree \(format 2.*Use that version, or delete/);
    assert.equal(readFileSync(join(folder(), 'format.json'), 'utf8'), '{"twintree":"state","format":2}');
    rmSync(folder(), { recursive: true });
    assert.deepEqual((await look()).indexed, false);
  });

  it('of an older version is brought up step by step', async () => {
    await make();
    const path = fromText(folder());
    const steps: number[] = [];
    const migrations: Migrations = new Map([[1, () => steps.push(1)], [2, () => steps.push(2)]]);
    assert.equal(checkFormat(path, migrations, 3), 'migrated');
    assert.deepEqual(steps, [1, 2]);
    assert.equal(refusal(() => checkFormat(path, migrations, 4)).code, 'STATE');
  });

  for (const [what, harm] of Object.entries<(file: string, size: number) => void>({
    'cut off': (file, size) => truncateSync(file, Math.floor(size / 8192) * 4096),
    empty: (file) => truncateSync(file, 0),
    'overwritten at its begin': (file) => {
      const fd = openSync(file, 'r+');
      writeSync(fd, Buffer.alloc(8192, 0xa5), 0, 8192, 0);
      closeSync(fd);
    },
    'overwritten as a whole': (file, size) => writeFileSync(file, Buffer.alloc(size, 0x5a)),
  })) {
    it(`${what}: the index is begun anew, the dirty set is everything`, async () => {
      await make();
      const size = (store: string): number => statSync(join(folder(), store, 'data.mdb')).size;
      harm(join(folder(), 'store', 'data.mdb'), size('store'));
      assert.deepEqual(await look(), { told: ['state-damaged'], indexed: false, dirty: [NAME] });
      assert.ok(existsSync(join(folder(), 'store.damaged')));
      harm(join(folder(), 'dirty', 'data.mdb'), size('dirty'));
      assert.deepEqual(await look(), { told: ['state-damaged'], indexed: false, dirty: [''] });
      assert.deepEqual(await look(), { told: [], indexed: false, dirty: [''] });
    });
  }

  it('with a damaged format file believes nothing', async () => {
    await make();
    writeFileSync(join(folder(), 'format.json'), '{"twin');
    assert.deepEqual(await look(), { told: ['state-damaged'], indexed: false, dirty: [''] });
  });

  it('that was copied, or not closed, is looked at and used', async () => {
    await make();
    cpSync(folder(), tmp.at('copy'), { recursive: true });
    rmSync(folder(), { recursive: true });
    cpSync(tmp.at('copy'), folder(), { recursive: true });
    assert.deepEqual(await look(), { told: [], indexed: true, dirty: [NAME] });
  });

  it('refuses a state folder that is not text', () => {
    const posix = loadPosix();
    const error = refusal(() => PairState.open({ posix, folder: `${tmp.path}/\xff` as RelPath, pair: { source: NAME, target: NAME }, roots: [], notice: () => undefined }));
    assert.equal(error.code, 'STATE');
  });
});
