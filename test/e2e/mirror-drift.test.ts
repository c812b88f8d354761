/** What other hands change on the target: told and left, or told and mended. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { assertSameTree, useTempFolder } from '../support/index.js';
import { processContext } from '../../src/cli/index.js';
import { parseMirror } from '../../src/cli/options/index.js';
import { fromText } from '../../src/tree/index.js';
import { RunningMirror, type Told } from './mirror-support.js';

const DRIFT = ['changed: size differs', 'extra: not on the source', 'folder/inner: not on the target', 'mode: only attributes differ'];

describe('drift', () => {
  const temp = useTempFolder('mirror-drift');
  const s = (name: string): string => temp.at(`s/${name}`);
  const t = (name: string): string => temp.at(`t/${name}`);
  let running: RunningMirror | undefined;
  afterEach(async () => { await running?.stop().catch(() => undefined); });

  /** A mirror that looks every second, behind a change by a batch, and other hands at its target. */
  async function drifted(option: string): Promise<RunningMirror> {
    mkdirSync(s('folder'), { recursive: true });
    for (const name of ['changed', 'mode', 'calm', 'folder/inner']) writeFileSync(s(name), name);
    const mirror = (running = new RunningMirror(['--delete', '--reconcile=1s', option, `${temp.at('s')}/`, temp.at('t')]));
    await mirror.copied();
    appendFileSync(s('changed'), ' by the source');
    await mirror.mirror.caughtUp();
    appendFileSync(t('changed'), ' and by other hands');
    chmodSync(t('mode'), 0o600);
    chmodSync(s('mode'), 0o640);
    await mirror.mirror.caughtUp();
    chmodSync(t('mode'), 0o600);
    unlinkSync(t('folder/inner'));
    writeFileSync(t('extra'), 'x');
    return mirror;
  }

  const complete = (told: Told): told is Extract<Told, { kind: 'drift' }> => told.kind === 'drift' && DRIFT.every((each) => told.found.includes(each));

  it('is told and left with --report-drift; what the source changes comes over it', async () => {
    const mirror = await drifted('--report-drift');
    const { found, repaired } = await mirror.until(complete);
    assert.deepEqual([found.sort(), repaired], [DRIFT, false]);
    assert.match(readFileSync(t('changed'), 'utf8'), /other hands$/);
    assert.ok(existsSync(t('extra')) && !existsSync(t('folder/inner')));
    appendFileSync(s('changed'), ' once more');
    writeFileSync(s('new'), 'x');
    await mirror.mirror.caughtUp();
    assert.equal(readFileSync(t('changed'), 'utf8'), 'changed by the source once more');
    assert.ok(existsSync(t('new')) && existsSync(t('extra')));
    const { drift } = await mirror.untilStatus((status) => status.drift?.count === 3);
    assert.deepEqual([drift?.repaired, drift?.unseenTotal, drift?.paths.map(({ path }) => path).sort()], [false, 0, ['extra', 'folder/inner', 'mode']]);
  });

  it('is told and mended with --repair-drift', async () => {
    const mirror = await drifted('--repair-drift');
    await mirror.untilStatus(({ drift }) => (drift?.total ?? 0) >= 4);
    const found = mirror.told.flatMap((told) => (told.kind === 'drift' && told.repaired ? told.found : []));
    for (const each of DRIFT) assert.ok(found.includes(each), `${each} in ${found.join(', ')}`);
    assertSameTree(temp.at('s'), temp.at('t'));
    await mirror.untilStatus(({ drift }) => drift?.count === 0); // the next look finds nothing
  });

  it('is one or the other', () => {
    assert.throws(() => parseMirror(['--report-drift', '--repair-drift', 's/', 't'].map(fromText), processContext()), /only one of/);
  });
});
