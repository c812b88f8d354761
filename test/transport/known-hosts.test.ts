/** The file of pinned certificates, and the last words of a child. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkHost, defaultKnownHosts, hostKey, rememberHost } from '../../src/transport/index.js';
import { LastWords } from '../../src/transport/last-words.js';
import { cleanUp, tempDir } from './support.js';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;

describe('known hosts', () => {
  afterEach(cleanUp);

  it('a host is new, then known, then changed', () => {
    const file = join(tempDir(), 'deep', 'known-hosts');
    const key = hostKey('Box.Example', 8730);
    assert.equal(key, 'box.example:8730');
    assert.deepEqual(checkHost(file, key, A), { kind: 'new' });
    rememberHost(file, key, A);
    rememberHost(file, hostKey('::1', 1), B);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
    assert.equal(readFileSync(file, 'utf8'), `box.example:8730 ${A}\n[::1]:1 ${B}\n`);
    assert.deepEqual(checkHost(file, key, A), { kind: 'known' });
    assert.deepEqual(checkHost(file, key, B), { kind: 'changed', line: 1, expected: A });
    assert.deepEqual(checkHost(file, hostKey('box.example', 8731), B), { kind: 'new' });
  });

  it('takes any of several lines, and what people write', () => {
    const file = join(tempDir(), 'k');
    writeFileSync(file, `# ours\n\nbox:1 ${A}\n  box:1\t${B.toUpperCase().replace('SHA256', 'sha256')}  \n`);
    assert.deepEqual(checkHost(file, 'box:1', A), { kind: 'known' });
    assert.deepEqual(checkHost(file, 'box:1', B), { kind: 'known' });
  });

  it('refuses a file with a line that is none: it might be the one that matters', () => {
    const file = join(tempDir(), 'k');
    writeFileSync(file, `box:1 ${A}\nother:1 sha256:12\n`);
    assert.throws(() => checkHost(file, 'box:1', B), { code: 'USAGE' });
    assert.throws(() => checkHost(dirname(file), 'box:1', B), { code: 'IO' });
  });

  it('stands below the user\'s configuration', () => {
    assert.equal(defaultKnownHosts({ XDG_CONFIG_HOME: '/x' }), '/x/twintree/known-hosts');
    assert.match(defaultKnownHosts({ XDG_CONFIG_HOME: 'relative' }), /^\/.*\/\.config\/twintree\/known-hosts$/);
  });
});

describe('the last words of a child', () => {
  it('come in whole lines, made safe, whatever the pieces they arrive in', () => {
    const passed: string[] = [];
    const words = new LastWords((text) => { passed.push(text); });
    for (const piece of ['one\ntw', 'o\r\n\u001b]0;title\u0007', '\n', 'grün', ' end']) words.push(Buffer.from(piece));
    words.end();
    assert.equal(passed.join(''), 'one\ntwo\n\\#033]0;title\\#007\ngrün end\n');
    assert.equal(words.text, 'one; two; \\#033]0;title\\#007; grün end');
  });

  it('hold no more than 2 KiB, and no line more than 4 KiB', () => {
    let longest = 0;
    const words = new LastWords((text) => { for (const line of text.split('\n')) longest = Math.max(longest, line.length); });
    for (let i = 0; i < 100; i++) words.push(Buffer.alloc(10_000, 'x'));
    words.end();
    assert.ok(longest <= 4096);
    assert.ok(words.text.length <= 2048);
  });
});
