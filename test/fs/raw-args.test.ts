/** The process's own arguments, byte for byte. */
import assert from 'node:assert';
import { alignArguments } from '../../src/fs/index.js';
import { runCommand } from '../support/index.js';

const CHILD = new URL('child.js', import.meta.url).pathname;

describe('fs: raw arguments', () => {
  it('keeps bytes that are not UTF-8, empty arguments, and newlines', () => {
    const { stdout } = runCommand(process.execPath, [CHILD, 'arguments', Buffer.from('caf\xe9', 'latin1'), '', 'new\nline', 'caf\u00e9', '']);
    assert.deepStrictEqual(JSON.parse(stdout), ['arguments', 'caf\xe9', '', 'new\nline', 'caf\xc3\xa9', '']);
  });

  it('is not misled by options of Node in front', () => {
    const { stdout } = runCommand(process.execPath, ['--no-warnings', '--stack-size=900', CHILD, 'arguments', Buffer.from([0xff])]);
    assert.deepStrictEqual(JSON.parse(stdout), ['arguments', '\xff']);
  });

  it('falls back to the text where the process title has overwritten them', () => {
    const { stdout } = runCommand(process.execPath, [CHILD, 'titled', 'caf\u00e9']);
    assert.deepStrictEqual(JSON.parse(stdout), ['titled', 'caf\xc3\xa9']);
  });

  it('believes a command line only where it agrees', () => {
    assert.deepStrictEqual(alignArguments('node\0x.js\0a\0b\0', ['a', 'b']), ['a', 'b']);
    assert.deepStrictEqual(alignArguments('node\0x.js\0', []), []);
    assert.strictEqual(alignArguments('node\0x.js\0a\0b\0', ['a', 'c']), undefined);
    assert.strictEqual(alignArguments('node\0x.js\0a\0b', ['a', 'b']), undefined);
    assert.strictEqual(alignArguments('b\0', ['a', 'b']), undefined);
    assert.strictEqual(alignArguments('', ['a']), undefined);
  });
});
