/** serve and cert on the command line: what they print, make and refuse. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { twintree, useTempFolder } from '../support/index.js';

describe('twintree cert', () => {
  const tmp = useTempFolder('cert');

  it('makes a certificate and its key in one file that only its user can read, and prints the fingerprint', () => {
    const made = twintree(['cert', 'make', tmp.at('id'), '--name', 'backup host']);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^sha256:[0-9a-f]{64}\n$/);
    assert.equal(statSync(tmp.at('id')).mode & 0o777, 0o600);
    const certificate = new X509Certificate(readFileSync(tmp.at('id')));
    assert.equal(`sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}\n`, made.stdout);
    assert.match(certificate.subject, /backup host/);
    assert.equal(twintree(['cert', 'show', tmp.at('id')]).stdout, made.stdout);
  });

  it('never replaces a file', () => {
    writeFileSync(tmp.at('id'), 'mine');
    for (const args of [['make', tmp.at('id')], ['token', tmp.at('id'), 'alice']]) assert.equal(twintree(['cert', ...args]).code, 1);
    assert.equal(readFileSync(tmp.at('id'), 'utf8'), 'mine');
  });

  it('makes a token under a name, and prints no secret', () => {
    const made = twintree(['cert', 'token', tmp.at('token'), 'alice']);
    assert.deepEqual([made.code, made.stdout, made.stderr], [0, '', '']);
    assert.match(readFileSync(tmp.at('token'), 'utf8'), /^alice:[A-Za-z0-9_-]{43}\n$/);
    assert.equal(statSync(tmp.at('token')).mode & 0o777, 0o600);
  });

  it('shows nothing of a file that others can read', () => {
    twintree(['cert', 'make', tmp.at('id')]);
    chmodSync(tmp.at('id'), 0o644);
    const shown = twintree(['cert', 'show', tmp.at('id')]);
    assert.equal(shown.code, 1);
    assert.match(shown.stderr, /others can read/);
  });

  for (const args of [[], ['burn'], ['make'], ['make', 'a', 'b'], ['token', 'a'], ['show', 'a', '--name=x'], ['make', 'a', '--nme=x']]) {
    it(`does not take: cert ${args.join(' ')}`, () => { assert.equal(twintree(['cert', ...args], { cwd: tmp.path }).code, 1); });
  }
});

describe('twintree serve', () => {
  const tmp = useTempFolder('serve');

  for (const command of ['serve', 'cert']) {
    it(`${command} --help tells its options`, () => {
      const help = twintree([command, '--help']);
      assert.equal(help.code, 0);
      assert.match(help.stdout, command === 'serve' ? /--read-only/ : /--name/);
    });
  }

  const refused: ReadonlyArray<readonly [args: string[], why: RegExp]> = [
    [[], /needs --stdio/],
    [['--stdio'], /needs --root/],
    [['--stdio', '--root', '.'], /needs one of --read-only/],
    [['--stdio', '--root', '.', '--read-only', '--write-only'], /needs one of/],
    [['--stdio', '--root', '.', '--read-only', '--refuse=all'], /no option that can be refused/],
    [['--stdio', '--root', '.', '--read-only', '--peer=x'], /--peer needs --config/],
    [['--stdio', '--config', 'x'], /needs --peer/],
    [['--stdio', '--config', 'x', '--peer=x', '--root=.'], /exclude each other/],
    [['--stdio', '--listen', '1'], /exclude each other/],
    [['--listen', '8730'], /--config/],
    [['--config', 'x', '--read-only'], /needs --stdio/],
    [['name'], /takes no names/],
    [['--raed-only'], /unknown option/],
  ];
  for (const [args, why] of refused) {
    it(`does not take: serve ${args.join(' ')}`, () => {
      const done = twintree(['serve', ...args], { cwd: tmp.path });
      assert.equal(done.code, 1);
      assert.match(done.stderr, why);
      assert.equal(done.stdout, '');
    });
  }

  it('does not start with a configuration that is wrong, and names the member', () => {
    writeFileSync(tmp.at('c.json'), JSON.stringify({ roots: { a: { path: '/srv', access: 'all', peers: ['token:x'] } } }));
    const done = twintree(['serve', '--listen=127.0.0.1:0', '--config', tmp.at('c.json')]);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /roots\.a\.access/);
  });

  it('does not start with a place where nobody can listen, without an identity, or with a peer whose token is not there', () => {
    const start = (config: object, listen: string): string => {
      writeFileSync(tmp.at('c.json'), JSON.stringify(config));
      const done = twintree(['serve', `--listen=${listen}`, '--config', tmp.at('c.json')]);
      assert.equal(done.code, 1);
      return done.stderr;
    };
    const roots = { a: { path: '/srv', access: 'read-only', peers: ['token:x'] } };
    assert.match(start({ roots }, '127.0.0.1:0'), /identity is missing/);
    assert.match(start({ roots, identity: 'id' }, 'a:b:1'), /is not where one can listen/);
    assert.match(start({ roots, identity: 'id' }, '99999'), /is not where one can listen/);
    assert.match(start({ roots, identity: 'id' }, '127.0.0.1:0'), /no such token/);
  });

  it('speaks the protocol on stdin and stdout alone: a terminal or a stranger there is told on stderr', () => {
    const done = twintree(['serve', '--stdio', '--root', tmp.path, '--read-only'], { input: 'hello\n' });
    assert.notEqual(done.code, 0);
    assert.doesNotMatch(done.stdout, /twintree:/);
  });
});
