/** What the host of a standby keeps: how far a mirror says it is, that it was promoted; and at the source's host that it is no source any more. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { loadOwnPosix } from '../../src/fs/index.js';
import { allRetired, dropPromotion, dropRetired, parseStandbyNote, promotionFolders, promotionOf, readRetired, Standby, upwards, writePromotion, writeRetired, type StandbyPoint } from '../../src/state/index.js';
import { fromText, StatTable } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

const POINT: StandbyPoint = {
  source: { host: fromText('old'), path: fromText('/srv/ü'), identity: 'i0:7-b1700000000.5' }, at: 1_700_000_000_000, upTo: 1_699_999_999_000, exact: true, durable: true, deletes: false, copied: true,
  phase: 'following', waiting: 1, waitingBytes: 20, failing: 1, names: [fromText('a/ö')], held: 0,
};

describe('state: a standby', () => {
  const tmp = useTempFolder('standby');
  const posix = loadOwnPosix();
  const standby = (): Standby => new Standby(posix, fromText(tmp.at('state')), 'i0:1-b2.3');
  const files = (): string[] => readdirSync(tmp.at('state/standby')).sort();

  it('is as it was told last; what is not told of the same source stays, and nothing of another', () => {
    const note = standby();
    assert.equal(note.read(), undefined);
    note.write(POINT, fromText('/t'), 1000);
    note.write({ ...POINT, at: POINT.at + 1000, upTo: null, copied: false, phase: 'copying' }, fromText('/t'), 2000);
    assert.deepEqual(files(), ['i0_1-b2.3.json', 'i0_1-b2.3.now.json'], 'the second one did not wait for the disk');
    const { upTo, copied, phase, at, heardAt, target, names } = standby().read() ?? assert.fail();
    assert.deepEqual([upTo, copied, phase, at, heardAt, target, names], [POINT.upTo, true, 'copying', POINT.at + 1000, 2000, '/t', POINT.names]);
    assert.equal(statSync(tmp.at('state/standby', files()[0] as string)).mode & 0o777, 0o600);
    note.write({ ...POINT, upTo: null, copied: false, source: { ...POINT.source, identity: 'i0:8-b1700000000.5' } }, fromText('/t'), 3000);
    assert.deepEqual([standby().read()?.upTo, standby().read()?.copied], [null, false]);
  });

  it('falls back on the older note where the newer one is cut off, and takes no damage for one', () => {
    const note = standby();
    note.write(POINT, fromText('/t'), 1000);
    note.write({ ...POINT, upTo: 5 }, fromText('/t'), 2000);
    const whole = JSON.stringify({ version: 1, ...POINT, target: '/t', heardAt: 2000 });
    for (const content of ['', whole.slice(0, -3)]) {
      writeFileSync(tmp.at('state/standby/i0_1-b2.3.now.json'), content);
      assert.equal(standby().read()?.upTo, POINT.upTo);
    }
    assert.ok(parseStandbyNote(whole) !== undefined);
    const bad: [string, unknown][] = [
      ['version', 2], ['source', null], ['source', { ...POINT.source, identity: '../x' }], ['source', { ...POINT.source, path: 'a\0' }], ['source', { ...POINT.source, host: '\u{1F600}' }], ['at', -1], ['at', 1e300], ['upTo', '1'],
      ['upTo', 9e15], ['exact', 1], ['phase', 'fine'], ['waiting', 0.5], ['failing', null], ['names', Array.from({ length: 21 }, () => 'n')], ['names', [1]], ['held', -1], ['target', 3], ['heardAt', null],
    ];
    for (const [name, value] of bad) assert.equal(parseStandbyNote(JSON.stringify({ ...(JSON.parse(whole) as object), [name]: value })), undefined, `${name}: ${String(value)}`);
  });
});

describe('state: a promotion', () => {
  const tmp = useTempFolder('promotion');
  const posix = loadOwnPosix();
  const folder = (): ReturnType<typeof fromText> => fromText(tmp.at('state-promoted'));
  const found = (path: string): number | undefined => {
    const fd = posix.openRoot(fromText(path));
    try {
      return promotionOf(posix, [folder()], () => upwards(posix, fd))?.at;
    } finally {
      posix.close(fd);
    }
  };
  const identityOf = (path: string): string => {
    const fd = posix.openRoot(fromText(path));
    const table = new StatTable(1);
    posix.fstat(fd, table, 0);
    posix.close(fd);
    return table.lastingIdentity(0);
  };

  it('holds for the folder, wherever it is moved, and for what lies in it, and for nothing beside or above', () => {
    for (const name of ['a/t/in/deep', 'a/u']) mkdirSync(tmp.at(name), { recursive: true });
    assert.equal(found(tmp.at('a/t')), undefined);
    const identity = identityOf(tmp.at('a/t'));
    writePromotion(posix, folder(), identity, { at: 77, path: fromText('/a/t'), standby: { ...POINT, target: fromText('/a/t'), heardAt: 5 } });
    assert.deepEqual(['a/t', 'a/t/in/deep', 'a', 'a/u'].map((name) => found(tmp.at(name))), [77, 77, undefined, undefined]);
    renameSync(tmp.at('a/t'), tmp.at('moved'));
    assert.equal(found(tmp.at('moved/in')), 77);
    const [name = ''] = readdirSync(tmp.at('state-promoted'));
    assert.deepEqual([statSync(tmp.at('state-promoted')).mode & 0o777, statSync(tmp.at('state-promoted', name)).mode & 0o777], [0o755, 0o644], 'sessions of other users see it');
    for (const damage of ['', '{}', '{"version":1,"at":-1}']) {
      writeFileSync(tmp.at('state-promoted', name), damage);
      assert.equal(found(tmp.at('moved')), 0, 'what cannot be read was a promotion once');
    }
    assert.deepEqual([dropPromotion(posix, folder(), identity), dropPromotion(posix, folder(), identity), found(tmp.at('moved'))], [true, false, undefined]);
  });

  it('is looked for where root keeps it as well, and beside the state of the one who has become another user', () => {
    assert.deepEqual(promotionFolders({}, 0), ['/var/lib/twintree-promoted']);
    assert.deepEqual(promotionFolders({ TWINTREE_STATE_DIR: '/var/lib/twintree-accounts/1000' }, 1000), ['/var/lib/twintree-promoted']);
    assert.deepEqual(promotionFolders({ TWINTREE_STATE_DIR: '/x/' }, 0), ['/x-promoted', '/var/lib/twintree-promoted']);
  });

  it('is remembered at the source', () => {
    const state = fromText(tmp.at('near'));
    const [source, target] = [fromText('/s'), fromText('host:/t')];
    assert.deepEqual([readRetired(state, source, target), allRetired(state)], [undefined, []]);
    const retired = { source, target, at: 9, message: 'said so' };
    writeRetired(posix, state, retired);
    assert.equal(readRetired(state, source, target)?.message, 'said so');
    assert.deepEqual(allRetired(state).map(({ at }) => at), [9]);
    const [name = ''] = readdirSync(tmp.at('near/retired'));
    writeFileSync(tmp.at('near/retired', name), '{');
    assert.equal(readRetired(state, source, target)?.at, 0, 'damage is no permission');
    dropRetired(state, source, target);
    assert.equal(readRetired(state, source, target), undefined);
  });
});
