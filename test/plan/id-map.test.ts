/** Owners and groups: the rules' language, and which id comes out. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IdMapper, parseChown, parseIdMap, type IdMapRule, type IdMapperOptions, type NameLookup } from '../../src/plan/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { hasRsync, run, withFolder } from './peer.js';

/** A database of names, as `id: name` on the source and `name: id` on the target. */
function names(source: Record<number, string>, target: Record<string, number>): NameLookup & { asked: number } {
  const lookup = {
    asked: 0,
    nameOfSource(id: number): string | undefined { lookup.asked++; return source[id]; },
    idOfTarget(name: string): number | undefined { lookup.asked++; return target[name]; },
  };
  return lookup;
}

const none = names({}, {});
function mapper(part: Partial<IdMapperOptions>): IdMapper {
  return new IdMapper({ userMap: [], groupMap: [], numericIds: false, sameNames: false, users: none, groups: none, ...part });
}
const users = (text: string): IdMapRule[] => parseIdMap(text, '--usermap');

describe('plan/id-map', () => {
  describe('the language', () => {
    it('reads names, wildcards, ids, ranges and the empty name', () => {
      assert.deepEqual(users('joe:ann,d*:7,12:ann,100-200:0,:nobody'), [
        { match: { kind: 'name', pattern: 'joe' }, to: { kind: 'name', name: 'ann' } },
        { match: { kind: 'name', pattern: 'd*' }, to: { kind: 'id', id: 7 } },
        { match: { kind: 'range', low: 12, high: 12 }, to: { kind: 'name', name: 'ann' } },
        { match: { kind: 'range', low: 100, high: 200 }, to: { kind: 'id', id: 0 } },
        { match: { kind: 'unnamed' }, to: { kind: 'name', name: 'nobody' } },
      ]);
    });

    it('refuses what it cannot read, naming the option and the rule', () => {
      for (const bad of ['', 'joe', 'joe:', 'a:b,', '5x:1', '5-:1', '1-2-3:4', '9-3:1', '4294967295:1', 'a:4294967295']) {
        assert.throws(() => users(bad), (e) => e instanceof TwintreeError && e.code === 'USAGE' && e.message.startsWith('--usermap: "'), bad);
      }
    });

    it('reads --chown as a rule for everyone', () => {
      const rule = (to: IdMapRule['to']): IdMapRule[] => [{ match: { kind: 'name', pattern: '*' }, to }];
      assert.deepEqual(parseChown('ann:12'), { userMap: rule({ kind: 'name', name: 'ann' }), groupMap: rule({ kind: 'id', id: 12 }) });
      assert.deepEqual(parseChown('ann'), { userMap: rule({ kind: 'name', name: 'ann' }), groupMap: [] });
      assert.deepEqual(parseChown(':wheel'), { userMap: [], groupMap: rule({ kind: 'name', name: 'wheel' }) });
    });
  });

  describe('the mapping', () => {
    it('follows the name to its id on the target, and keeps the number of a name that is not there', () => {
      const m = mapper({ users: names({ 1000: 'joe', 1001: 'ann' }, { joe: 2000 }) });
      assert.equal(m.mapUid(1000), 2000);
      assert.equal(m.mapUid(1001), 1001);
      assert.equal(m.mapUid(1002), 1002);
    });

    it('never maps id 0 by name, but by a rule', () => {
      const root = names({ 0: 'toor' }, { toor: 5 });
      assert.equal(mapper({ users: root }).mapUid(0), 0);
      assert.equal(mapper({ users: root, userMap: users('toor:9') }).mapUid(0), 9);
      assert.equal(mapper({ users: root, userMap: users('0:9') }).mapUid(0), 9);
    });

    it('lets the first rule that matches win', () => {
      const m = mapper({ users: names({ 5: 'joe', 6: 'jim' }, {}), userMap: users('joe:1,j*:2,0-99:3,*:4') });
      assert.deepEqual([5, 6, 7, 100].map((id) => m.mapUid(id)), [1, 2, 3, 4]);
    });

    it('matches the empty name only with ids that have none', () => {
      const m = mapper({ users: names({ 5: 'joe' }, {}), userMap: users(':77') });
      assert.equal(m.mapUid(5), 5);
      assert.equal(m.mapUid(6), 77);
    });

    it('knows no names with numeric ids: only ranges, the empty name and * match', () => {
      const db = names({ 5: 'joe' }, { joe: 50 });
      assert.equal(mapper({ users: db, numericIds: true }).mapUid(5), 5);
      assert.equal(mapper({ users: db, numericIds: true, userMap: users('joe:1') }).mapUid(5), 5);
      assert.equal(mapper({ users: db, numericIds: true, userMap: users('joe:1,:2') }).mapUid(5), 2);
      assert.equal(mapper({ users: db, numericIds: true, userMap: users('*:3') }).mapUid(5), 3);
    });

    it('matches wildcards over the whole name', () => {
      const db = names({ 1: 'web1', 2: 'web[1]', 3: 'xweb1', 4: 'a.b', 5: 'a+b', 6: 'aab' }, {});
      const to = (pattern: string): number[] => {
        const m = mapper({ users: db, userMap: users(`${pattern}:99`) });
        return [1, 2, 3, 4, 5, 6].filter((id) => m.mapUid(id) === 99);
      };
      assert.deepEqual(to('web?'), [1]);
      assert.deepEqual(to('web*'), [1, 2]);
      assert.deepEqual(to('*[0-9]'), [1, 3]);
      assert.deepEqual(to('*[!0-9]'), [2, 4, 5, 6]);
      assert.deepEqual(to('web[[]1]'), [2]);
      assert.deepEqual(to('?.?*'), [4]);
      assert.deepEqual(to('a+*'), [5]);
      assert.deepEqual(to('[^a]*[\\1-3]'), [1, 3]);
      assert.deepEqual(to('web[1'), []);
      assert.deepEqual(to('web[z-a]'), []);
    });

    it('resolves names of rules on the target, and tells which it does not know', () => {
      const m = mapper({ users: names({ 5: 'joe' }, { ann: 8 }), userMap: users('joe:nobody-here,*:ann') });
      assert.deepEqual(m.unknownNames, ['nobody-here']);
      assert.equal(m.mapUid(5), 8);
    });

    it('asks nothing where both sides have the same names and there is no rule', () => {
      const db = names({ 5: 'joe' }, { joe: 50 });
      const m = mapper({ users: db, groups: db, sameNames: true });
      assert.equal(m.uidsUnchanged && m.gidsUnchanged, true);
      assert.equal(m.mapUid(5), 5);
      assert.equal(m.mapGid(5), 5);
      assert.equal(db.asked, 0);
    });

    it('asks once for each id', () => {
      const db = names({ 5: 'joe', 6: 'ann' }, { joe: 50, ann: 60 });
      const m = mapper({ users: db });
      for (let i = 0; i < 10; i++) assert.deepEqual([m.mapUid(5), m.mapUid(6)], [50, 60]);
      assert.equal(db.asked, 4);
    });

    it('keeps users and groups apart', () => {
      const m = mapper({ userMap: users('*:1'), groupMap: users('*:2') });
      assert.deepEqual([m.mapUid(9), m.mapGid(9)], [1, 2]);
    });
  });

  describe('beside rsync (needs rsync 3.5 and root)', function () {
    const folder = withFolder();
    before(function () { if (!hasRsync(3, 5) || process.getuid?.() !== 0) this.skip(); });

    const database = (path: string): NameLookup => {
      const rows = readFileSync(path, 'utf8').split('\n').map((line) => line.split(':')).filter((row) => row.length > 2);
      return {
        nameOfSource: (id) => rows.find((row) => Number(row[2]) === id)?.[0],
        idOfTarget: (name) => { const row = rows.find((r) => r[0] === name); return row && Number(row[2]); },
      };
    };
    const cases: string[][] = [
      [], ['--usermap=daemon:bin,*:sys', '--groupmap=sys:0'], ['--usermap=:4321', '--groupmap=0:8,1-3:9,:10'], ['--usermap=root:77,[b-d]*:78,?a*:79'],
      ['--numeric-ids', '--usermap=daemon:50,:51', '--groupmap=daemon:52'], ['--numeric-ids', '--usermap=*:53'], ['--chown=daemon:12'], ['--chown=:bin'],
      ['--usermap=12345-12400:5,12345:6', '--groupmap=*[!a-s]*:7'],
    ];
    for (const args of cases) {
      it(`gives what rsync gives: ${args.join(' ') || 'no rules'}`, () => {
        const ids = [0, 1, 2, 3, 4, 5, 8, 12345, 12399, 12401, 65534, 4294967294];
        mkdirSync(join(folder.path, 's'));
        for (const id of ids) {
          writeFileSync(join(folder.path, 's', String(id)), '');
          chownSync(join(folder.path, 's', String(id)), id, id);
        }
        const done = run('rsync', ['-rog', ...args, `${folder.path}/s/`, `${folder.path}/t/`]);
        assert.equal(done.status, 0, done.stderr);
        const value = (option: string): string | undefined => args.find((a) => a.startsWith(option))?.slice(option.length);
        const chown = value('--chown=');
        const both = chown === undefined ? { userMap: [], groupMap: [] } : parseChown(chown);
        const userText = value('--usermap=');
        const groupText = value('--groupmap=');
        const m = mapper({
          userMap: userText === undefined ? both.userMap : parseIdMap(userText, '--usermap'),
          groupMap: groupText === undefined ? both.groupMap : parseIdMap(groupText, '--groupmap'),
          numericIds: args.includes('--numeric-ids'), users: database('/etc/passwd'), groups: database('/etc/group'),
        });
        for (const id of ids) {
          const real = statSync(join(folder.path, 't', String(id)));
          assert.deepEqual([m.mapUid(id), m.mapGid(id)], [real.uid, real.gid], `id ${id}`);
        }
      });
    }
  });
});
