/** Drift is told apart from what is known to have changed, and from what changed at the source unseen. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { DriftLook, DriftSearch, SyncedTimes, youngChanges, type Hint } from '../../src/mirror/index.js';
import { emptyOperation, Item, OpKind, Reason } from '../../src/plan/index.js';
import { fromText, type RelPath } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

const p = (path: string): RelPath => fromText(path) as RelPath;
const hint = (path: string, scope: Hint['scope'] = 'entry'): Hint => ({ path: p(path), scope, reason: 'modified', at: 0, gone: false });
const FULL = { kind: 'full' } as const;
const BATCH = { kind: 'batch' } as const;

describe('when paths were last made equal', () => {
  it('is the last full session, or a later batch over them or what holds them', () => {
    const times = new SyncedTimes();
    assert.equal(times.of(p('a')), undefined);
    times.ended(BATCH, [hint('a')], 5);
    assert.equal(times.of(p('a')), undefined, 'nothing is known of the rest');
    times.ended(FULL, [], 10);
    times.ended(BATCH, [hint('a'), hint('d', 'subtree'), hint('l', 'listing')], 20);
    assert.deepEqual(['a', 'b', 'a/x', 'd', 'd/x/y', 'l/x', 'l/x/y', ''].map((path) => times.of(p(path))), [20, 10, 10, 20, 20, 20, 10, 10]);
    times.ended(FULL, [], 30);
    assert.equal(times.of(p('a')), 30);
  });

  it('is the latest moment for all, where too many are remembered', () => {
    const times = new SyncedTimes(2);
    times.ended(FULL, [], 10);
    times.ended(BATCH, [hint('a'), hint('b'), hint('c')], 20);
    assert.equal(times.of(p('other')), 20);
  });
});

describe('a look for drift', () => {
  const temp = useTempFolder('drift');
  const op = (kind: OpKind, item = Item.Size | Item.Transfer): { kind: OpKind; item: number } => ({ kind, item });

  it('finds what differs though the source did not change since, and leaves to a batch what did', () => {
    mkdirSync(temp.at('s/d'), { recursive: true });
    for (const name of ['same', 'later', 'told', 'heard']) writeFileSync(temp.at(`s/${name}`), name);
    utimesSync(temp.at('s/later'), 5, 5); // an old time: its ctime shows the change
    const changed = statSync(temp.at('s/later')).ctimeMs;
    const times = new SyncedTimes();
    times.ended(FULL, [], changed + 1000);
    times.ended(BATCH, [], changed + 1000);
    const look = new DriftLook(fromText(temp.at('s')), times, [hint('told'), hint('gone/below'), hint('tree', 'subtree')]);
    look.heard([hint('heard')]);
    try {
      assert.equal(look.judge(op(OpKind.File), p('same')), 'drift');
      assert.equal(look.judge(op(OpKind.File), p('told')), 'known');
      assert.equal(look.judge(op(OpKind.File), p('heard')), 'known');
      assert.equal(look.judge(op(OpKind.Delete), p('tree/x/y')), 'known');
      assert.equal(look.judge(op(OpKind.Delete), p('extra')), 'drift', 'the source never had it');
      assert.equal(look.judge(op(OpKind.Delete), p('same/below a file')), 'drift');
      assert.equal(look.judge(op(OpKind.Folder, Item.Time | Item.Local), p('d')), 'aside', 'its times follow from what happens in it');
      assert.equal(look.judge(op(OpKind.Folder, Item.Time | Item.Perms), p('d')), 'drift');
      assert.equal(look.judge(op(OpKind.Folder, Item.Time | Item.Perms), p('gone')), 'known', 'something in it was told of');
      times.ended(FULL, [], changed - 1000);
      assert.equal(look.judge(op(OpKind.File), p('later')), 'unseen');
      times.ended(BATCH, [hint('later')], changed + 1000);
      assert.equal(look.judge(op(OpKind.File), p('later')), 'drift', 'a batch had made it equal since');
    } finally {
      look.close();
    }
  });

  it('knows what a session saw that began within a tick of the change', () => {
    mkdirSync(temp.at('s'));
    writeFileSync(temp.at('s/f'), 'x');
    const root = fromText(temp.at('s'));
    const changed = statSync(temp.at('s/f')).ctimeMs;
    const times = new SyncedTimes();
    times.ended(FULL, [], changed - 1000);
    const look = new DriftLook(root, times, []);
    try {
      times.ended(BATCH, [hint('f')], changed + 5, youngChanges(root, [hint('f'), hint('gone'), hint('', 'subtree')], changed + 5));
      assert.equal(look.judge(op(OpKind.File), p('f')), 'drift', 'as it was when the session began');
      times.ended(BATCH, [hint('f')], changed + 5);
      assert.equal(look.judge(op(OpKind.File), p('f')), 'unseen', 'nobody looked: it may have changed after that');
      const old = youngChanges(root, [hint('f')], changed + 1000);
      assert.equal(old.size, 0, 'its time alone tells it');
      times.ended(BATCH, [hint('f')], changed + 5, new Map([[p('f'), changed - 4]]));
      assert.equal(look.judge(op(OpKind.File), p('f')), 'unseen', 'it changed since the session began');
    } finally {
      look.close();
    }
  });

  it('knows it also of a full session, that saw it itself or came right after the one that did', () => {
    mkdirSync(temp.at('s'));
    writeFileSync(temp.at('s/f'), 'x');
    const root = fromText(temp.at('s'));
    const changed = statSync(temp.at('s/f')).ctimeMs;
    const young = new Map([[p('f'), changed]]);
    const judged = (...sessions: [{ kind: 'full' | 'batch' }, number, Map<RelPath, number>?][]): string => {
      const times = new SyncedTimes();
      for (const [job, began, seen] of sessions) times.ended(job, job.kind === 'full' ? [] : [hint('f')], began, seen);
      const look = new DriftLook(root, times, []);
      try {
        return look.judge(op(OpKind.File), p('f'));
      } finally {
        look.close();
      }
    };
    assert.equal(judged([FULL, changed + 5, young]), 'drift');
    assert.equal(judged([FULL, changed - 1000], [BATCH, changed + 2, young], [FULL, changed + 10, new Map()]), 'drift');
    assert.equal(judged([FULL, changed + 5, young], [FULL, changed + 10]), 'drift');
    assert.equal(judged([FULL, changed + 5, new Map()]), 'unseen', 'it may have changed after that');
    assert.equal(judged([FULL, changed + 5, new Map([[p('f'), changed - 4]])]), 'unseen');
  });

  it('is judged when all was heard, and says where there was more than it judges', () => {
    mkdirSync(temp.at('s'));
    writeFileSync(temp.at('s/f'), 'x');
    const times = new SyncedTimes();
    times.ended(FULL, [], statSync(temp.at('s/f')).ctimeMs + 1000);
    const search = new DriftSearch(new DriftLook(fromText(temp.at('s')), times, []));
    const told = Object.assign(emptyOperation(), { kind: OpKind.File, item: Item.Size, reason: Reason.SizeDiffers });
    search.differs(told, p('f'));
    search.differs(told, p('heard late'));
    search.heard([hint('heard late')]);
    assert.ok(search.judge(5));
    assert.deepEqual([search.found, search.unseen], [[{ path: 'f', what: 'size differs' }], []]);
    for (let k = 0; k < 10_000; k++) search.differs(told, p('f'));
    assert.ok(!search.judge(5));
    search.close();
  });

  it('says of nothing that it is drift, where the source cannot be asked', () => {
    mkdirSync(temp.at('s'));
    const times = new SyncedTimes();
    times.ended(FULL, [], Date.now() + 1000);
    rmSync(temp.at('s'), { recursive: true });
    const look = new DriftLook(fromText(temp.at('s')), times, []);
    assert.equal(look.judge(op(OpKind.File), p('f')), 'unseen');
    look.close();
  });
});
