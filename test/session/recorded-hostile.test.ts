/** A plan file is hostile until it is validated: damage, other versions, and well-sealed files that say what cannot be. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { dir, file, makeTree, symlink, time, useTempFolder } from '../support/index.js';
import { openPlan, PlanFileError } from '../../src/session/index.js';
import { copyOperation, emptyOperation, encodeOptions, OpKind, OperationReader, OperationWriter, Reason, type Operation } from '../../src/plan/index.js';
import { fromText, TwintreeError, type ByteString } from '../../src/tree/index.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { PlanReader } from '../../src/session/recorded/sealed-plan.js';
import { Resolver } from '../../src/session/resolve.js';
import { sync } from '../cli/support.js';
import { REPOSITORY } from '../support/temp.js';
import { apply, changeHead, parts, plan, seal, withOptions, type Part } from './recorded-support.js';

const PLAN = 3;
const DELETIONS = 4;

describe('a plan file as it was written once', () => {
  const golden = Buffer.from(readFileSync(join(REPOSITORY, 'fixtures/plan/sealed.v1.hex'), 'utf8').replaceAll('\n', ''), 'hex');

  it('golden vector: it is read, and written again byte for byte', () => {
    const reader = new PlanReader(loadOwnPosix());
    reader.push(withOptions(golden, encodeOptions(sync(['-a', '--delete', 'a', 'b']).options)));
    const made = reader.finish();
    assert.equal(withOptions(Buffer.concat([...made.bytes()]), {}).toString('hex'), golden.toString('hex'));
    assert.deepEqual(made.head.remote, { side: 'target', host: { kind: 'ssh', host: 'example.org', user: 'u', port: 2222 } });
    assert.deepEqual([made.head.mounts[0]?.followed, made.head.target.identity], [['way/\xff'], 'i0:34-d8:1']);
    const resolver = new Resolver();
    assert.equal(made.resolve(resolver).operations, 4);
    assert.deepEqual([...resolver.movePairs], [['here', 'there']]);
    const names = [0, 1].map((stream) => [...made.store.chunks(stream as 0 | 1)].flatMap((chunk) => {
      const found: string[] = [];
      const op = emptyOperation();
      for (const records = new OperationReader(chunk); !records.done;) {
        records.next(op);
        found.push(`${OpKind[op.kind]} ${op.name}${op.link === '' ? '' : ` ${op.link}`}`);
      }
      return found;
    }));
    assert.deepEqual(names, [['Folder ', 'File here', 'Symlink link new\xff', 'File new'], ['Folder ', 'Delete there']]);
    made.close();
  });
});

describe('a plan file', () => {
  const temp = useTempFolder('plan-file');
  const sealed = (): string => temp.at('plan');

  async function makePlan(): Promise<void> {
    const old = time(1_500_000_000);
    makeTree(temp.at('s'), { a: file('a', { mtime: old }), d: dir({ b: symlink('x') }), here: file('moves', { mtime: old }) });
    makeTree(temp.at('t'), { there: file('moves', { mtime: old }), gone: file('g', { mtime: old }) });
    await plan(['-a', '--delete', `${temp.at('s')}/`, temp.at('t')], sealed());
  }
  async function refused(pattern: RegExp): Promise<void> {
    await assert.rejects(apply(sealed()), (error) => {
      assert.ok(error instanceof PlanFileError, String(error));
      assert.equal(error.code, 'PLAN_FILE');
      assert.match(error.message, pattern);
      return true;
    });
    assert.ok(existsSync(temp.at('t', 'gone')) && !existsSync(temp.at('t', 'a')), 'nothing was changed');
  }

  it('with any one byte changed is refused', async () => {
    await makePlan();
    const whole = readFileSync(sealed());
    for (let at = 0; at < whole.length; at += 1 + Math.floor(whole.length / 400)) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(whole.readUInt8(at) ^ (1 << (at % 8)), at);
      writeFileSync(sealed(), damaged);
      await assert.rejects(openPlan(fromText(sealed())), PlanFileError, `byte ${at}`);
    }
  });
  it('cut off anywhere, or with something behind it, is refused', async () => {
    await makePlan();
    const whole = readFileSync(sealed());
    for (let length = 0; length < whole.length; length += 1 + Math.floor(whole.length / 200)) {
      writeFileSync(sealed(), whole.subarray(0, length));
      await assert.rejects(openPlan(fromText(sealed())), PlanFileError, `${length} bytes`);
    }
    writeFileSync(sealed(), Buffer.concat([whole, Buffer.from([0])]));
    await refused(/behind|follows/);
  });
  it('that is none, or of another version, is refused by name', async () => {
    await makePlan();
    const taken = parts(sealed());
    taken.opening.writeUInt16LE(2, 8);
    seal(sealed(), taken);
    await refused(/version 2/);
    taken.opening.writeUInt16LE(1, 8);
    taken.opening.writeUInt16LE(99, 10);
    seal(sealed(), taken);
    await refused(/layout 99/);
    writeFileSync(sealed(), 'just some text that is long enough');
    await refused(/no plan file/);
  });
  it('that does not exist is an error of its own', async () => {
    await assert.rejects(apply(temp.at('nowhere')), (error) => error instanceof TwintreeError && error.code === 'IO');
  });
  it('taken apart and sealed again unchanged is carried out: the tests below change what they mean to', async () => {
    await makePlan();
    seal(sealed(), parts(sealed()));
    assert.deepEqual((await apply(sealed())).problems, []);
    assert.ok(existsSync(temp.at('t', 'a')) && existsSync(temp.at('t', 'here')));
  });

  describe('with a seal that fits', () => {
    it('is refused where its sections are out of order, unknown or too long', async () => {
      await makePlan();
      const { opening, sections } = parts(sealed());
      const [head, ...rest] = sections as [Part, ...Part[]];
      seal(sealed(), { opening, sections: [...rest.slice(0, 1), head, ...rest.slice(1)] });
      await refused(/out of order/);
      seal(sealed(), { opening, sections: [head, { kind: 9, payload: Buffer.alloc(0) }, ...rest] });
      await refused(/unknown section/);
      const header = Buffer.alloc(8);
      header.writeUInt8(1, 0);
      header.writeUInt32LE(0xffffffff, 4);
      writeFileSync(sealed(), Buffer.concat([opening, header]));
      await refused(/section of 4294967295 bytes/);
    });

    const heads: [what: string, change: (head: Record<string, unknown>) => void, pattern: RegExp][] = [
      ['an unknown member', (head) => { head['more'] = 1; }, /unknown member "more"/],
      ['a missing member', (head) => { delete head['umask']; }, /umask/],
      ['an unknown option', (head) => { (head['options'] as Record<string, unknown>)['more'] = 1; }, /options/],
      ['a relative target', (head) => { (head['target'] as Record<string, unknown>)['path'] = 'there'; }, /path/],
      ['a NUL in a path', (head) => { (head['target'] as Record<string, unknown>)['path'] = '/a\0b'; }, /path/],
      ['an identity that is none', (head) => { (head['target'] as Record<string, unknown>)['identity'] = '*'; }, /identity/],
      ['a path that leads out', (head) => { head['targetFollowed'] = ['../up']; }, /targetFollowed/],
      ['an alias with a slash', (head) => { (head['target'] as Record<string, unknown>)['alias'] = { name: '../x', source: 'x' }; }, /name/],
      ['a count that is none', (head) => { (head['findings'] as Record<string, unknown>)['operations'] = -1; }, /operations/],
      ['an alternate folder that was not asked for', (head) => { head['altRoots'] = [{ path: '/', identity: 'i0:2-d1:1' }]; }, /altRoots/],
    ];
    for (const [what, change, pattern] of heads) {
      it(`is refused for ${what} in its head`, async () => {
        await makePlan();
        changeHead(sealed(), change);
        await refused(pattern);
      });
    }

    /** Changes the first record of a stream for which `which` holds, and seals the file again. */
    function changeRecord(kind: number, which: (op: Operation) => boolean, change: (op: Operation) => void): void {
      const taken = parts(sealed());
      let changed = false;
      for (const section of taken.sections.filter((each) => each.kind === kind)) {
        const writer = new OperationWriter();
        for (const reader = new OperationReader(section.payload); !reader.done;) {
          const op = emptyOperation();
          reader.next(op);
          if (!changed && which(op)) {
            const mine = copyOperation(op);
            change(mine);
            writer.write(mine);
            changed = true;
          } else writer.write(op);
        }
        section.payload = Buffer.from(writer.take());
      }
      assert.ok(changed);
      seal(sealed(), taken);
    }
    const isFile = (op: Operation): boolean => op.kind === OpKind.File;
    const records: [what: string, kind: number, which: (op: Operation) => boolean, change: (op: Operation) => void, pattern: RegExp][] = [
      ['a name that leads out', PLAN, isFile, (op) => { op.name = '../../etc/passwd' as ByteString; }, /name refused/],
      ['a name of two dots', PLAN, isFile, (op) => { op.name = '..' as ByteString; }, /name refused/],
      ['a folder that leads out', PLAN, (op) => op.kind === OpKind.Folder, (op) => { op.name = 'a/../..' as ByteString; }, /name refused/],
      ['a layer that is not there', PLAN, isFile, (op) => { op.layer = 7; }, /source/],
      ['an alternate folder that is not there', PLAN, isFile, (op) => { op.alt = 1; }, /alternate/],
      ['a file that is a folder by its mode', PLAN, isFile, (op) => { op.mode = 0o040755; }, /type/],
      ['a symlink to nothing', PLAN, (op) => op.kind === OpKind.Symlink, (op) => { op.link = '' as ByteString; }, /type/],
      ['a move among the operations', PLAN, isFile, (op) => { op.kind = OpKind.Move; op.link = 'gone' as ByteString; }, /does not belong/],
      ['a group that is none', PLAN, isFile, (op) => { op.group = '../x'; }, /group/],
      ['a group that its head does not know', PLAN, isFile, (op) => { op.group = '1:2:3:4'; }, /hard links|move/],
      ['a size that is none', PLAN, isFile, (op) => { op.size = 1.5; }, /size/],
      ['a file among the deletions', DELETIONS, (op) => op.kind === OpKind.Delete, (op) => { op.kind = OpKind.File; op.mode = 0o100644; }, /does not belong/],
      ['a move from another file', DELETIONS, (op) => op.name === 'there', (op) => { op.expected.size = 6; }, /move/],
    ];
    for (const [what, kind, which, change, pattern] of records) {
      it(`is refused for ${what}`, async () => {
        await makePlan();
        changeRecord(kind, which, change);
        await refused(pattern);
      });
    }
    it('is refused for an operation before its folder', async () => {
      await makePlan();
      const taken = parts(sealed());
      const writer = new OperationWriter();
      const op = emptyOperation();
      op.kind = OpKind.Delete;
      op.reason = Reason.Extraneous;
      op.name = 'gone' as ByteString;
      op.expected.mode = 0o100644;
      writer.write(op);
      for (const section of taken.sections) if (section.kind === DELETIONS) section.payload = Buffer.concat([writer.take(), section.payload]);
      seal(sealed(), taken);
      await refused(/no folder/);
    });
    it('is refused for a record that is cut off, or claims to be long', async () => {
      await makePlan();
      const taken = parts(sealed());
      const section = taken.sections.find((each) => each.kind === PLAN) as Part;
      const whole = section.payload;
      section.payload = whole.subarray(0, whole.length - 1);
      seal(sealed(), taken);
      await refused(/byte/);
      section.payload = Buffer.from(whole);
      section.payload.writeUInt32LE(0xffffffff, 0);
      seal(sealed(), taken);
      await refused(/byte/);
    });
    it('is refused for moves that are damaged, double or of nothing', async () => {
      await makePlan();
      const taken = parts(sealed());
      const moves = taken.sections.find((each) => each.kind === 2) as Part;
      const whole = moves.payload;
      assert.ok(whole.length > 8);
      for (const [payload, pattern] of [
        [whole.subarray(0, 5), /cut off/], [Buffer.concat([whole, whole]), /twice/], [Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]), whole]), /cut off/],
        [Buffer.from(whole.toString('latin1').replace('there', 'gone!'), 'latin1'), /move/], [Buffer.from(whole.toString('latin1').replace('there', '../..'), 'latin1'), /path/],
      ] as const) {
        moves.payload = payload;
        seal(sealed(), taken);
        await refused(pattern);
      }
    });
  });

  it('with a million operations is validated and shown in bounded memory', async () => {
    await makePlan();
    const { opening, sections } = parts(sealed());
    const [head] = sections as [Part];
    // Written as it is made: a folder, then a million new symlinks with long names.
    const fd = openSync(sealed(), 'w');
    const hash = createHash('sha256');
    const put = (bytes: Buffer): void => {
      hash.update(bytes);
      writeSync(fd, bytes);
    };
    const section = (kind: number, payload: Buffer): void => {
      const header = Buffer.alloc(8);
      header.writeUInt8(kind, 0);
      header.writeUInt32LE(payload.length, 4);
      put(header);
      put(payload);
    };
    put(opening);
    section(1, head.payload);
    const writer = new OperationWriter();
    const op = emptyOperation();
    op.kind = OpKind.Folder;
    op.reason = Reason.Unchanged;
    writer.write(op);
    Object.assign(op, { kind: OpKind.Symlink, reason: Reason.New, mode: 0o120777, link: 'x', item: 2048 });
    const tail = 'n'.repeat(230);
    let size = 0;
    for (let k = 0; k < 1_000_000; k++) {
      op.name = `${k}${tail}` as ByteString;
      writer.write(op);
      if (writer.length > 200_000) {
        size += writer.length;
        section(PLAN, Buffer.from(writer.take()));
      }
    }
    section(PLAN, Buffer.from(writer.take()));
    const last = Buffer.alloc(8);
    last.writeUInt8(5, 0);
    last.writeUInt32LE(32, 4);
    put(last);
    writeSync(fd, hash.digest());
    closeSync(fd);
    mkdirSync(temp.at('room'));
    const code = `
      import { openPlan, runApply } from ${JSON.stringify(new URL('../../src/session/index.js', import.meta.url).href)};
      const plan = await openPlan(process.argv[1]);
      let seen = 0;
      const outcome = await runApply(plan, { dryRun: true }, { wantsOperations: 'changes', operation: () => { seen++; } });
      console.log(JSON.stringify({ seen, exitCode: outcome.exitCode, rss: process.resourceUsage().maxRSS }));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', code, sealed()], { encoding: 'utf8', env: { ...process.env, TMPDIR: temp.at('room') } });
    assert.equal(run.status, 0, run.stderr);
    const { seen, exitCode, rss } = JSON.parse(run.stdout) as { seen: number; exitCode: number; rss: number };
    assert.deepEqual([seen, exitCode], [1_000_000, 0]);
    assert.ok(size > 250 << 20, `${size}`);
    assert.ok(rss < 240 << 10, `${rss} KiB for a plan of ${size >> 20} MiB`);
  });
});
