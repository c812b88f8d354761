/** Options over the wire: what the parser can make comes through unchanged, and anything that is not exactly that is refused. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseSync, TABLE } from '../../src/cli/options/index.js';
import { decodeOptions, encodeOptions, type SessionOptions } from '../../src/plan/index.js';
import { fromBytes, fromText, TwintreeError, type ByteString } from '../../src/tree/index.js';
import { context, sync } from '../cli/support.js';

const FILES = {
  rules: '- *.o\n+ /keep\n: .rules\n!\nP old\n', names: 'a\nb/c\n/d\n', odd: Buffer.from('- \xff\xfe\n# no\n- a\0b\n', 'latin1'),
};

/** Values that options take; of each command line the parser decides whether it is one. */
const VALUES: readonly string[] = [
  '1', '0', '2', '10', '-1', '5%', '12.5%', '1.5K', '10MB', '8191P', '1G-1', '1500', '~', '.bak', 'dir', '/tmp', './b', '*', '*.o', '/a/**', 'a b', 'rules', 'names', 'odd', '-', ': .rules', ':C', ':n- .x', '-p x', 'S,s y', '-x user.*',
  '. rules', '!', 'u+rwx,go-w', 'D755,F644', 'a=rX', '0-99:nobody,*:root', 'a*:5,:1', 'root', 'root:users', ':staff', '23:59', '2099-12-31T23:59', '60', 'during', 'source', 'target', 'both', 'link', 'none', 'auto', 'md5', 'name', 'all2', 'zstd',
  'x\u00e9', '*', '1', '256', 'user@host', 'ssh -p 1',
];

const option = fc.constantFrom(...TABLE).chain((spec) => {
  const names = [spec.name.length === 1 ? `-${spec.name}` : `--${spec.name}`, ...(spec.short === undefined ? [] : [`-${spec.short}`]), ...(spec.negatable === true ? [`--no-${spec.name}`] : [])];
  return fc.tuple(fc.constantFrom(...names), fc.constantFrom(...VALUES)).map(([name, value]) => (
    spec.argument === undefined || name.startsWith('--no-') ? [name] : name.startsWith('--') ? [`${name}=${value}`] : [name, value]));
});

/** The options that a command line makes; undefined where it is refused or asks for something else. */
function parsed(args: readonly string[]): SessionOptions | undefined {
  try {
    const run = parseSync([...args, 'src', 'dst'].map(fromText), context(FILES, { CVSIGNORE: 'a b', RSYNC_PARTIAL_DIR: '.part' }));
    return run.kind === 'run' ? run.options : undefined;
  } catch (error) {
    if (error instanceof TwintreeError) return undefined;
    throw error;
  }
}

/** What arrives at the other end. */
const through = (options: SessionOptions): SessionOptions => decodeOptions(JSON.parse(JSON.stringify(encodeOptions(options))));

function refused(json: unknown, where: RegExp): void {
  assert.throws(() => decodeOptions(json), (error) => error instanceof TwintreeError && error.code === 'WIRE' && where.test(error.message), String(where));
}

/** The options of -a as JSON, with one member set. */
function having(path: string, value: unknown): unknown {
  const json = structuredClone(encodeOptions(sync(['-a', '--filter=: .rules', '--usermap=1-5:x', '--delete', 'a', 'b']).options)) as Record<string, unknown>;
  let at = json;
  const parts = path.split('.');
  for (const part of parts.slice(0, -1)) at = at[part] as Record<string, unknown>;
  const last = parts.at(-1) as string;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return json;
}

describe('plan/options-codec', () => {
  it('brings through the options of each option of the table, with every value', () => {
    const tried = new Set<string>();
    for (const spec of TABLE) {
      const name = spec.name.length === 1 ? `-${spec.name}` : `--${spec.name}`;
      for (const value of spec.argument === undefined ? [undefined] : VALUES) {
        const args = value === undefined ? [name] : name.startsWith('--') ? [`${name}=${value}`] : [name, value];
        for (const more of [[], ['-r'], ['-a', '--delete']]) {
          const options = parsed([...more, ...args]);
          if (options === undefined) continue;
          tried.add(spec.name);
          assert.deepEqual(through(options), options, args.join(' '));
        }
      }
    }
    const works = TABLE.filter((spec) => spec.standing === 'works').map((spec) => spec.name);
    const missed = works.filter((name) => !tried.has(name));
    assert.ok(missed.length < works.length / 5, `never parsed: ${missed.join(' ')}`);
  });

  it('brings through whatever options a command line makes', () => {
    let runs = 0;
    fc.assert(fc.property(fc.array(option, { maxLength: 6 }), (given) => {
      const options = parsed(given.flat());
      if (options === undefined) return;
      runs++;
      assert.deepEqual(through(options), options);
    }), { numRuns: 1500 });
    assert.ok(runs > 300, `${runs} command lines were accepted`);
  });

  it('brings through any bytes in names and patterns', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 20 }), (units) => {
      const raw = fromBytes(Uint8Array.from(units));
      const run = parseSync(['-a' as ByteString, `--exclude=${raw}` as ByteString, `--temp-dir=${raw}` as ByteString, 'a' as ByteString, 'b' as ByteString], context());
      assert.ok(run.kind === 'run');
      assert.deepEqual(through(run.options), run.options);
    }));
  });

  it('takes a moment past the end of time for none', () => {
    const { options } = sync(['-a', 'a', 'b']);
    assert.equal(through({ ...options, stopAt: Infinity }).stopAt, undefined);
  });

  it('refuses a member that it does not know, at any depth', () => {
    for (const path of ['more', 'compare.more', 'filters.0.more', 'filters.0.origin.more', 'filters.0.format.more', 'attributes.userMap.0.match.more', 'attributes.fakeSuper.more', 'replace.shell']) {
      refused(having(path, true), /not known here/);
    }
  });

  it('takes a switch that is not there for one that is off, and sends none that is', () => {
    const { options } = sync(['-a', 'a', 'b']);
    const json = encodeOptions(options) as { replace: object; attributes: object };
    assert.ok(!JSON.stringify(json).includes('false'));
    assert.ok(!('append' in json.replace) && !('acls' in json.attributes) && 'perms' in json.attributes);
    assert.deepEqual(through(options), options);
  });

  it('refuses a missing member', () => {
    for (const path of ['compare', 'compare.mode', 'attributes', 'filters', 'filters.0.kind', 'filters.0.format', 'walk.oneFileSystem', 'delete.missingArgs', 'replace.suffix', 'guard.reserveBytes']) {
      refused(having(path, undefined), /is missing|without a format/);
    }
  });

  it('refuses values of other types and out of range', () => {
    for (const [path, values] of [
      ['dryRun', [0, 'true', null]], ['compare.mode', ['fast', 1]], ['compare.modifyWindow', [-2, 0.5, 2 ** 31, '1']], ['compare.maxSize', [-1, 1.5, 2 ** 64]], ['walk.oneFileSystem', [3, -1, true]],
      ['attributes.chmod', [5, 'a\0b', '\u0100']], ['attributes.userMap', [{}, [1], [{ match: { kind: 'unnamed' } }]]], ['attributes.userMap.0.match', [{ kind: 'range', low: 5, high: 4 }, { kind: 'range', low: 0, high: 2 ** 32 - 1 }, { kind: 'other' }]],
      ['attributes.userMap.0.to', [{ kind: 'id', id: -1 }, { kind: 'name' }]], ['filters', [{}, ['- x']]], ['filters.0.kind', ['merge', 'pattern']], ['filters.0.pattern', ['', 'a\0b', 7]], ['filters.0.dialect', ['perl']],
      ['filters.0.sides', ['left']], ['filters.0.origin.line', [-1, 0.5]], ['filters.0.format.syntax', ['']], ['filesFrom', ['a', [1], [null]]], ['delete.when', ['later']], ['delete.limit', [{}, { count: -1 }, { percent: 101 }, { count: 1, percent: 1 }]],
      ['replace.append', [true, 'yes']], ['replace.tempDir', [1, 'a\0']], ['replace.suffix', ['/x', '\u20ac']], ['replace.altDest', [{ kind: 'move', dirs: [] }, { kind: 'link', dirs: Array.from({ length: 65 }, () => 'a') }]],
      ['guard.reserveBytes', [-1]], ['threads', [0, 5000, 1.5]], ['bwlimit', [-1, 0.5]], ['stopAt', [-1, 1e300]],
    ] as const) {
      for (const value of values) refused(having(path, value), /the options sent by the other end cannot be read: options/);
    }
    for (const json of [null, undefined, 1, 'x', [], [{}]]) refused(json, /options/);
  });

  it('refuses to send what the other end would refuse', () => {
    const { options } = sync(['-a', 'a', 'b']);
    assert.throws(() => encodeOptions({ ...options, threads: 0 }), TwintreeError);
    assert.throws(() => encodeOptions({ ...options, shell: 'sh' } as unknown as SessionOptions), TwintreeError);
  });

  it('makes nothing of names that every object has', () => {
    refused(JSON.parse('{"__proto__":{"dryRun":true}}'), /not known here/);
    refused(having('constructor', 1), /not known here/);
  });
});
