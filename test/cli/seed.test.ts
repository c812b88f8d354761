/** The words of `twintree seed`. */
import assert from 'node:assert/strict';
import { exportRun, importRun } from '../../src/cli/index.js';
import { parseExport, parseImport } from '../../src/cli/options/index.js';
import { fromText } from '../../src/tree/index.js';
import { context } from './support.js';

const words = (text: string): ReturnType<typeof fromText>[] => text.split(' ').map(fromText);

describe('twintree seed', () => {
  it('takes all that an archive holds unless told otherwise, and its own options', () => {
    const parsed = parseExport(words('--split=10M -z --recipient=age1x --exclude=*.o --no-X src/ out'), context());
    assert.equal(parsed.kind, 'run');
    if (parsed.kind !== 'run') return;
    const { hardLinks, acls, xattrs, owner, devices } = parsed.options.attributes;
    assert.deepEqual({ hardLinks, acls, xattrs, owner, devices }, { hardLinks: true, acls: true, xattrs: false, owner: true, devices: true });
    assert.equal(parsed.words.split, 10 << 20);
    assert.equal(parsed.compress, true);
    assert.equal(parsed.options.filters.length, 1);
    const back = parseImport(words('--check out'), context());
    assert.deepEqual(back.kind === 'run' && [back.archives, back.target], [['out'], undefined]);
  });

  it('refuses by name what does not belong to it', () => {
    for (const [what, line, message] of [
      ['export', '--delete src/ out', /seed export does not take --delete/], ['export', '--check src/ out', /seed export does not take --check/], ['export', 'src/', /too few arguments/],
      ['export', '--split=1K src/ out', /at least 1M/], ['export', '--split=1M src/ -', /--split needs a file/], ['export', '--json src/ -', /cannot both go to standard output/], ['export', 'host:src/ out', /this machine/],
      ['import', '--split=1M a dst', /seed import does not take --split/], ['import', '--checksum a dst', /seed import does not take --checksum/], ['import', '- b dst', /standard input is a whole archive/], ['import', 'a host:dst', /this machine/],
    ] as const) assert.throws(() => (what === 'export' ? parseExport : parseImport)(words(line), context()), { message }, line);
  });

  it('takes secrets from files or the environment, and refuses two ways at once', () => {
    const run = (line: string, env: Record<string, string> = {}): unknown => {
      const parsed = parseExport(words(line), context());
      if (parsed.kind !== 'run') throw new Error('help');
      return exportRun(parsed, { ...context(), env: (name) => (env[name] === undefined ? undefined : fromText(env[name] as string)) });
    };
    assert.throws(() => run('--encrypt src/ out'), /there is no passphrase/);
    assert.equal(typeof run('--encrypt src/ out', { TWINTREE_PASSPHRASE: 'x' }), 'function');
    assert.throws(() => run('--encrypt --recipient=age1x src/ out', { TWINTREE_PASSPHRASE: 'x' }), /not both/);
    assert.throws(() => run('--recipients-file=/nowhere/at/all src/ out'), /recipients cannot be read/);
    const parsed = parseImport(words('--age-identity=/nowhere/at/all a dst'), context());
    assert.throws(() => importRun(parsed as Extract<typeof parsed, { kind: 'run' }>, context()), /nowhere/);
  });
});
