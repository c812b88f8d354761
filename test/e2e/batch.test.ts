/** Recorded sessions as a user has them: --write-batch, --only-write-batch and --read-batch, on equal targets and on others, through pipes, damaged. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { remoteShell, wayArgs } from './remote-support.js';
import { resealed } from '../session/batch-support.js';
import { assertSameTree, changedTree, dir, file, makeTree, randomTree, sparse, symlink, time, twintree, useTempFolder, type RunResult, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000);

function source(): Tree {
  const linked = file({ size: 5000, seed: 4 }, { mtime: T });
  return {
    same: file('same', { mtime: OLD }), large: file({ size: 2_000_000, seed: 1 }, { mtime: T }), small: file('new content', { mtime: T }), fresh: file({ size: 300_000, seed: 3 }, { mtime: T }), empty: file('', { mtime: T }),
    one: linked, two: linked, holes: sparse(3_000_000, [[1_000_000, 'data']], { mtime: T }), xattr: file('x', { mtime: T, xattrs: { 'user.a': 'b' }, acl: 'u:1000:r--,m::r--' }), link: symlink('same', { mtime: T }),
    'odd\n\xff name': file('odd', { mtime: T }), d: dir({ inner: file('inner', { mtime: T }), deeper: dir({ leaf: file('leaf', { mtime: T }) }, { mtime: T }) }, { mtime: T, mode: 0o750 }),
  };
}

/** An older state of the source; `large` is most of the source's. */
function target(): Tree {
  return {
    same: file('same', { mtime: OLD }), large: file({ size: 1_990_000, seed: 1 }, { mtime: OLD }), small: file('old content', { mtime: OLD }), gone: file('gone', { mtime: OLD }), d: dir({ extra: file('e', { mtime: OLD }) }, { mtime: OLD }),
    link: file('a file', { mtime: OLD }),
  };
}

describe('sync --write-batch, --only-write-batch and --read-batch', () => {
  const tmp = useTempFolder('batch');

  function make(...targets: string[]): void {
    makeTree(tmp.at('s'), source(), { mtime: T });
    for (const name of targets) makeTree(tmp.at(name), target(), { mtime: OLD });
  }
  const sync = (args: string[], more: object = {}): RunResult => twintree(['sync', ...args], { cwd: tmp.path, ...more });
  function ok(result: RunResult): RunResult {
    assert.equal(result.code, 0, result.stderr);
    return result;
  }
  function ends(result: RunResult, code: number, says: RegExp): void {
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, says);
  }

  for (const options of [['-a'], ['-aHAXS', '--delete'], ['-a', '--inplace', '--delete'], ['-az', '--whole-file'], ['-ac', '--delete-before'], ['-aHX', '--exclude=d', '--delete-excluded', '--delete']]) {
    it(`${options.join(' ')}: the update of one target makes equal ones the same`, () => {
      make('t1', 't2', 't3');
      const written = ok(sync(['-i', ...options, '--write-batch=b', 's/', 't1']));
      for (const name of ['t2', 't3']) {
        const read = ok(sync(['-i', ...options, '--read-batch=b', name]));
        assert.equal(read.stdout, written.stdout);
        assertSameTree(tmp.at('t1'), tmp.at(name));
      }
      assert.deepEqual(readdirSync(tmp.path).toSorted(), ['b', 's', 't1', 't2', 't3'], 'one file, and no script beside it');
    });
  }

  it('what was recorded says what is done: the options need not be said again, but for deletion', () => {
    make('t1', 't2', 't3');
    ok(sync(['-aHAX', '--delete', '--write-batch=b', 's/', 't1']));
    ok(sync(['--delete', '--read-batch=b', 't2']));
    assertSameTree(tmp.at('s'), tmp.at('t2'));
    ok(sync(['--read-batch=b', 't3']));
    assert.ok(existsSync(tmp.at('t3/gone')) && existsSync(tmp.at('t3/d/extra')));
    assert.equal(readFileSync(tmp.at('t3/small'), 'utf8'), 'new content');
  });

  it('a batch holds only what changed', () => {
    make('t1', 't2');
    ok(sync(['-a', '--write-batch=b', 's/', 't1']));
    assert.equal(statSync(tmp.at('b')).mode & 0o777, 0o666 & ~process.umask());
    assert.ok(statSync(tmp.at('b')).size < 400_000, `${statSync(tmp.at('b')).size} bytes: fresh has 300,000, large is a delta`);
    ok(sync(['-a', '--write-batch=nothing', 's/', 't1']));
    assert.ok(statSync(tmp.at('nothing')).size < 5000, `${statSync(tmp.at('nothing')).size} bytes`);
    assert.equal(ok(sync(['-i', '--read-batch=nothing', 't1'])).stdout, '');
  });

  it('the source need not be there any more', () => {
    make('t1', 't2');
    ok(sync(['-a', '--write-batch=b', 's/', 't1']));
    rmSync(tmp.at('s'), { recursive: true });
    ok(sync(['--read-batch=b', 't2']));
    assertSameTree(tmp.at('t1'), tmp.at('t2'));
  });

  it('--only-write-batch changes nothing on the target, and says what would be done', () => {
    make('t1', 't2', 'before');
    const would = ok(sync(['-ain', '--delete', 's/', 't1'])).stdout;
    const written = ok(sync(['-ai', '--delete', '--only-write-batch=b', 's/', 't1']));
    assert.equal(written.stdout, would);
    assertSameTree(tmp.at('before'), tmp.at('t1'));
    for (const name of ['t1', 't2']) {
      ok(sync(['--delete', '--read-batch=b', name]));
      assertSameTree(tmp.at('s'), tmp.at(name), { ignore: ['xattr', 'acl', 'hardlink'] });
    }
  });

  it('--only-write-batch for a target that is not there yet', () => {
    make();
    ok(sync(['-a', '--only-write-batch=b', 's/', 'none']));
    assert.ok(!existsSync(tmp.at('none')));
    ok(sync(['--read-batch=b', 'none']));
    assert.equal(readFileSync(tmp.at('none/d/deeper/leaf'), 'utf8'), 'leaf');
  });

  for (const way of ['push', 'pull'] as const) {
    for (const how of ['--write-batch=b', '--only-write-batch=b']) {
      it(`${how} over a connection (${way})`, () => {
        make('t1', 't2');
        const [from, to] = [`${tmp.at('s')}/`, tmp.at('t1')];
        ok(sync(['-a', '--delete', ...wayArgs(way, remoteShell(tmp)), how, way === 'pull' ? `host:${from}` : from, way === 'push' ? `host:${to}` : to]));
        assert.equal(existsSync(tmp.at('t1/gone')), how.startsWith('--only'));
        ok(sync(['--delete', '--read-batch=b', 't2']));
        ok(sync(['-a', '--delete', 's/', 't1']));
        assertSameTree(tmp.at('t1'), tmp.at('t2'));
      });
    }
  }

  it('goes through pipes', () => {
    make('t1', 't2');
    const written = ok(sync(['-ai', '--write-batch=-', 's/', 't1']));
    assert.equal(written.stdoutBytes.subarray(1, 4).toString(), 'TTB');
    assert.match(written.stderr, /small/);
    ok(sync(['--read-batch=-', 't2'], { input: written.stdoutBytes }));
    assertSameTree(tmp.at('t1'), tmp.at('t2'));
    ends(sync(['-a', '--json', '--write-batch=-', 's/', 't1']), 1, /standard output/);
  });

  it('random trees, -aHAX --delete', () => {
    for (let seed = 11; seed <= 13; seed++) {
      const old = randomTree(seed, { entries: 60 });
      makeTree(tmp.at(`s${seed}`), changedTree(old, seed, { changes: 25 }), { mtime: T });
      for (const name of ['x', 'y']) makeTree(tmp.at(`${name}${seed}`), old, { mtime: OLD });
      ok(sync(['-aHAX', '--delete', `--write-batch=b${seed}`, `s${seed}/`, `x${seed}`]));
      ok(sync(['--delete', `--read-batch=b${seed}`, `y${seed}`]));
      assertSameTree(tmp.at(`s${seed}`), tmp.at(`y${seed}`));
    }
  });

  describe('a target that is another one', () => {
    it('a file that is another basis is told and left as it was; all else is done', () => {
      make('t1', 't2');
      ok(sync(['-a', '--delete', '--write-batch=b', 's/', 't1']));
      const other = readFileSync(tmp.at('t2/large'));
      other.writeUInt8(other.readUInt8(5) ^ 1, 5);
      writeFileSync(tmp.at('t2/large'), other);
      ends(sync(['--delete', '--read-batch=b', 't2']), 23, /large: .*\(drifted\)/);
      assert.deepEqual(readFileSync(tmp.at('t2/large')), other);
      assert.equal(readFileSync(tmp.at('t2/small'), 'utf8'), 'new content');
      assert.ok(!existsSync(tmp.at('t2/gone')));
    });

    it('so in place', () => {
      make('t1', 't2');
      ok(sync(['-a', '--inplace', '--write-batch=b', 's/', 't1']));
      writeFileSync(tmp.at('t2/large'), readFileSync(tmp.at('t2/large')).subarray(1000));
      const other = readFileSync(tmp.at('t2/large'));
      ends(sync(['--read-batch=b', 't2']), 23, /large: .*\(drifted\)/);
      assert.deepEqual(readFileSync(tmp.at('t2/large')), other);
    });

    it('a file that the batch has no content of is told', () => {
      make('t1', 't2');
      ok(sync(['-a', '--write-batch=b', 's/', 't1']));
      rmSync(tmp.at('t2/same'));
      ends(sync(['--read-batch=b', 't2']), 23, /same: the batch has no content for it.*\(unreadable\)/);
      assert.ok(!existsSync(tmp.at('t2/same')));
    });

    it('on a target that has it all already nothing is done', () => {
      make('t1', 't2');
      ok(sync(['-a', '--write-batch=b', 's/', 't1']));
      assert.equal(ok(sync(['-i', '--read-batch=b', 't1'])).stdout, '');
    });
  });

  describe('a file that is no sound batch', () => {
    it('is refused before anything is changed: cut off, changed, of another version, with something behind it, none', () => {
      make('t1', 't2', 'before');
      ok(sync(['-a', '--write-batch=b', 's/', 't1']));
      const batch = readFileSync(tmp.at('b'));
      const changed = (at: number): Buffer => {
        const bytes = Buffer.from(batch);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
        return bytes;
      };
      const cases: [Buffer, RegExp][] = [
        [batch.subarray(0, batch.length - 1), /cut off/], [batch.subarray(0, 1000), /cut off/], [batch.subarray(0, 10), /no batch/], [Buffer.alloc(0), /no batch/],
        [changed(8), /version/], [changed(3), /no batch/], [changed(12), /damaged/], [changed(batch.length - 5), /damaged|seal/], [changed(batch.length >> 1), /damaged/], [Buffer.concat([batch, Buffer.from('x')]), /follows its seal|cut off/],
      ];
      for (const [bytes, says] of cases) {
        writeFileSync(tmp.at('bad'), bytes);
        const result = sync(['-a', '--read-batch=bad', 't2']);
        ends(result, 12, says);
        assert.match(result.stderr, /PLAN_FILE/);
      }
      assertSameTree(tmp.at('before'), tmp.at('t2'));
    });

    for (const options of [['-a'], ['-a', '--inplace']]) {
      it(`${options.join(' ')}: content that has another hash than it should is told, and the old file stays`, () => {
        make('t1', 't2');
        ok(sync([...options, '--write-batch=b', 's/', 't1']));
        writeFileSync(tmp.at('bad'), resealed(readFileSync(tmp.at('b')), (frames) => {
          for (const { payload } of frames) {
            const at = payload.indexOf('new content');
            if (at >= 0) payload.write('bad', at);
          }
        }));
        ends(sync(['--read-batch=bad', 't2']), 23, /small: .*\(corrupt\)/);
        assert.equal(readFileSync(tmp.at('t2/small'), 'utf8'), 'old content');
        assert.equal(readFileSync(tmp.at('t2/d/inner'), 'utf8'), 'inner');
      });
    }

    it('a file that is not there, or cannot be written, is told; then the target is left as it is', () => {
      make('t1', 'before');
      ends(sync(['--read-batch=none', 't1']), 11, /none/);
      ends(sync(['-a', '--write-batch=none/b', 's/', 't1']), 11, /none\/b/);
      assertSameTree(tmp.at('before'), tmp.at('t1'));
    });
  });

  it('refuses what makes no sense together, as rsync does', () => {
    make('t1');
    ends(sync(['--read-batch=b', '--write-batch=c', 't1']), 1, /together/);
    ends(sync(['--read-batch=b', '--files-from=list', 't1']), 1, /--files-from/);
    ends(sync(['--read-batch=b', 's/', 't1']), 1, /one argument/);
    ends(sync(['-a', '--write-batch=b', 's/']), 1, /target/);
    ends(sync(['--read-batch=none', 'host:t1']), 11, /none/);
  });

  it('with -n nothing is recorded, and a batch only shown', () => {
    make('t1', 't2', 'before');
    ok(sync(['-an', '--write-batch=b', 's/', 't1']));
    assert.ok(!existsSync(tmp.at('b')));
    const written = ok(sync(['-ai', '--write-batch=b', 's/', 't1']));
    assert.equal(ok(sync(['-in', '--read-batch=b', 't2'])).stdout, written.stdout);
    assertSameTree(tmp.at('before'), tmp.at('t2'));
  });
});
