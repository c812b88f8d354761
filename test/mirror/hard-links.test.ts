/**
 * -H in batches: told the names that events name and no others, a batch makes what a full session makes, also of the names that no event names.
 * LINK_RUNS=N lengthens the random histories.
 */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { archive } from '../endpoint/apply-bench.js';
import { withLinks } from '../../src/mirror/follow/look.js';
import { movedIn } from '../../src/mirror/follow/moved.js';
import { dirtyPaths } from '../../src/mirror/follow/scope.js';
import type { Hint } from '../../src/mirror/hint.js';
import { loadPosix } from '../../src/fs/index.js';
import { runSync } from '../../src/session/index.js';
import { PairState } from '../../src/state/index.js';
import { fromText, type RelPath } from '../../src/tree/index.js';
import { assertSameTree, Dice, useTempFolder } from '../support/index.js';

const RUNS = Number(process.env['LINK_RUNS'] ?? 20);
const path = (text: string): RelPath => fromText(text) as string as RelPath;

describe('hard links in batches', () => {
  const temp = useTempFolder('links');
  const s = (name = ''): string => temp.at('s') + (name === '' ? '' : `/${name}`);
  const t = (name = ''): string => temp.at('t') + (name === '' ? '' : `/${name}`);
  let state: PairState;
  let hints: Map<string, Hint>;

  const open = (): void => {
    state = PairState.open({ posix: loadPosix(), folder: fromText(temp.at('kept')), pair: { source: fromText(s()), target: fromText(t()) }, roots: [], notice: () => undefined });
  };
  beforeEach(() => {
    for (const at of [s(), t(), temp.at('kept')]) rmSync(at, { recursive: true, force: true });
    mkdirSync(s());
    hints = new Map();
    open();
  });
  afterEach(() => state.close());

  const options = archive((o) => {
    o.delete.when = 'after';
    o.attributes.hardLinks = true;
    o.threads = 1;
  });

  /** What a watcher says. */
  function heard(name: string, more: Partial<Hint> = {}): void {
    const known = hints.get(name);
    const scope = known?.scope === 'subtree' ? 'subtree' : (more.scope ?? 'entry');
    hints.set(name, { path: path(name), reason: 'modified', at: 1, gone: !existsSync(s(name)), ...more, scope, ...(more.from === undefined && known?.from !== undefined ? { from: known.from } : {}) });
  }

  /** A session over what was heard. Tells whether it had to be a full one. */
  async function batch(full = false): Promise<boolean> {
    const list: Hint[] = [];
    for (const hint of hints.values()) list.push({ ...hint, gone: !existsSync(s(String(hint.path))) });
    const { job, others } = full ? { job: { kind: 'full' as const }, others: [] } : withLinks({ kind: 'batch', hints: list, first: 1 }, fromText(s()), options, state);
    const dirty = job.kind === 'full' ? {} : { dirty: [...dirtyPaths(list), ...others.map((one) => ({ path: one, depth: 'entry' as const }))], moved: movedIn(list) };
    const outcome = await runSync({ sources: [fromText(`${s()}/`)], target: fromText(t()), options, places: state, ...dirty });
    assert.deepEqual(outcome.problems, []);
    hints.clear();
    return job.kind === 'full';
  }

  it('bring in the other names, of what was changed, linked, renamed and removed', async () => {
    mkdirSync(s('d/e'), { recursive: true });
    writeFileSync(s('d/one'), '1');
    linkSync(s('d/one'), s('d/e/two'));
    linkSync(s('d/one'), s('three'));
    writeFileSync(s('plain'), 'alone');
    await batch(true);
    const steps: (() => void)[] = [
      () => { appendFileSync(s('three'), 'more'); heard('three'); },
      () => { chmodSync(s('d/e/two'), 0o600); heard('d/e/two'); },
      () => { linkSync(s('plain'), s('d/second')); heard('d/second'); },
      () => { appendFileSync(s('d/one'), 'and gone'); unlinkSync(s('d/one')); heard('d/one'); },
      () => { appendFileSync(s('d/e/two'), 'with its folder'); rmSync(s('d/e'), { recursive: true }); heard('d/e'); },
      () => { renameSync(s('d'), s('f')); heard('d'); heard('f', { scope: 'subtree', from: path('d') }); },
      () => { appendFileSync(s('f/second'), 'x'); heard('f/second'); },
      () => { writeFileSync(s('new'), 'both new'); linkSync(s('new'), s('f/new')); heard('new'); heard('f/new'); },
      () => { unlinkSync(s('plain')); writeFileSync(s('plain'), 'another'); heard('plain'); },
    ];
    for (const [k, step] of steps.entries()) {
      step();
      assert.equal(await batch(), false, `step ${k} needed a full session`);
      assertSameTree(s(), t());
    }
  });

  it('become full sessions where names may stand that nothing is known of', async () => {
    writeFileSync(s('one'), '1');
    linkSync(s('one'), s('two'));
    mkdirSync(s('far'));
    await batch(true);
    linkSync(s('one'), s('far/unheard'));
    heard('one');
    assert.equal(await batch(), true);
    assertSameTree(s(), t());
    linkSync(s('one'), temp.at('outside'));
    heard('two');
    assert.equal(await batch(), true);
    appendFileSync(s('one'), 'x');
    heard('one');
    assert.equal(await batch(), false, 'a full session has seen how many are outside');
    assertSameTree(s(), t());
    rmSync(temp.at('outside'));
  });

  it('find the names that nobody has told of beside those that are known: a log that is put in place by link and unlink', async () => {
    mkdirSync(s('d'));
    writeFileSync(s('d/one'), '1');
    await batch(true);
    linkSync(s('d/one'), s('d/unheard'));
    heard('d/one');
    assert.equal(await batch(), false);
    assertSameTree(s(), t());
    writeFileSync(s('d/temp'), 'log');
    linkSync(s('d/temp'), s('d/log'));
    heard('d/log');
    assert.equal(await batch(), false);
    unlinkSync(s('d/temp'));
    appendFileSync(s('d/log'), 'x');
    heard('d/temp');
    heard('d/log');
    assert.equal(await batch(), false);
    assertSameTree(s(), t());
  });

  it(`make what full sessions make, whatever is kept (${RUNS} histories)`, async () => {
    let sessions = 0;
    let full = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const dice = new Dice(seed);
      for (const at of [s(), t()]) rmSync(at, { recursive: true, force: true });
      mkdirSync(s());
      for (let n = 0; n < 10; n++) change(dice);
      await batch(true);
      try {
        for (let round = 0; round < 6; round++) {
          for (let n = 0; n < 4; n++) change(dice);
          sessions++;
          if (await batch()) full++;
          assertSameTree(s(), t());
          if (dice.below(8) === 0) {
            await state.close();
            rmSync(temp.at('kept'), { recursive: true });
            open();
          }
        }
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : ''}`, { cause: error });
      }
    }
    assert.ok(full < sessions / 3, `${full} of ${sessions} were full`);
  });

  /** One random change, with what a watcher says of it. */
  function change(dice: Dice): void {
    const all = (readdirSync(s(), { recursive: true }) as string[]).toSorted();
    const pick = <T>(list: readonly T[]): T | undefined => list[dice.below(list.length)];
    const folders = ['', ...all.filter((name) => lstatSync(s(name)).isDirectory())];
    const files = all.filter((name) => lstatSync(s(name)).isFile());
    const folder = pick(folders) ?? '';
    const name = `${folder}${folder === '' ? '' : '/'}${'abcd'[dice.below(4)] ?? 'a'}`;
    const there = all.includes(name);
    const old = pick(files);
    const told = (at: string, more?: Partial<Hint>): void => {
      heard(at, more);
      const parent = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '';
      if (parent !== '') heard(parent);
    };
    switch (dice.below(9)) {
      case 0: if (!there) { writeFileSync(s(name), `${name} ${dice.below(1e6)}`); told(name); } break;
      case 1: if (!there) { mkdirSync(s(name)); told(name, { scope: 'subtree' }); } break;
      case 2: if (there) { rmSync(s(name), { recursive: true }); told(name); } break;
      case 3: case 4: if (old !== undefined && !there) { linkSync(s(old), s(name)); told(name); } break;
      case 5: case 6: if (old !== undefined) { appendFileSync(s(old), `${dice.below(1e6)}`); told(old); } break;
      case 7: if (old !== undefined) { chmodSync(s(old), statSync(s(old)).mode ^ 0o020); told(old); } break;
      default: {
        const from = pick(all);
        if (from === undefined || there || name.startsWith(`${from}/`)) return;
        const isFolder = lstatSync(s(from)).isDirectory();
        renameSync(s(from), s(name));
        told(from);
        told(name, { ...(isFolder ? { scope: 'subtree' } : {}), from: path(from) });
      }
    }
  }
});
