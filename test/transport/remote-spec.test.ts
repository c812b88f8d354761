/** What an argument names: the rules of rsync(1) for host:path, and our two kinds of address. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { agentCommand, parseRemoteSpec, parseServerCall, quoteForShell, remoteCommand, splitShell, type RemoteSpec, type SshSpec } from '../../src/transport/index.js';
import { fromText, TwintreeError, type ByteString } from '../../src/tree/index.js';
import { spawnSync } from 'node:child_process';

function parse(argument: string): RemoteSpec {
  return parseRemoteSpec(fromText(argument));
}

function ssh(host: string, path: string, more: { user?: string; port?: number } = {}): SshSpec {
  return { kind: 'ssh', host: fromText(host), user: more.user === undefined ? undefined : fromText(more.user), port: more.port, path: fromText(path) };
}

function refusal(run: () => unknown): TwintreeError {
  try {
    run();
  } catch (error) {
    if (error instanceof TwintreeError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('an argument', () => {
  for (const local of ['file', '/a:b', './host:path', 'dir/x:y', '../a:b', '.', '', '/', '[x]', 'a@b', '~/x:y', 'dir/[::1]:x', 'dir/ssh://x']) {
    it(`"${local}" is local`, () => { assert.deepEqual(parse(local), { kind: 'local', path: fromText(local) }); });
  }

  const remotes: [string, SshSpec][] = [
    ['host:path', ssh('host', 'path')],
    ['host:/a/b/', ssh('host', '/a/b/')],
    ['host:', ssh('host', '.')],
    ['user@host:x', ssh('host', 'x', { user: 'user' })],
    ['[::1]:x', ssh('::1', 'x')],
    ['me@[fe80::1%eth0]:/x', ssh('fe80::1%eth0', '/x', { user: 'me' })],
    ['host:a:b', ssh('host', 'a:b')],
    ['host:~', ssh('host', '.')],
    ['host:~/', ssh('host', './')],
    ['host:~/a/', ssh('host', 'a/')],
    ['host:~//a', ssh('host', 'a')],
    ['host:./~a', ssh('host', './~a')],
    [':b', ssh('', 'b')],
    ['ümlaut.example:ä b', ssh('ümlaut.example', 'ä b')],
    ['ssh://host', ssh('host', '.')],
    ['ssh://host/', ssh('host', '/')],
    ['ssh://host/a b%20', ssh('host', '/a b%20')],
    ['ssh://me@host:2222/a:b', ssh('host', '/a:b', { user: 'me', port: 2222 })],
    ['SSH://host/~/a/', ssh('host', 'a/')],
    ['ssh://host/~', ssh('host', '.')],
    ['ssh://[::1]:22/x', ssh('::1', '/x', { port: 22 })],
    ['ssh://host:/x', ssh('host', '/x')],
  ];
  for (const [argument, expected] of remotes) it(`"${argument}" is on another host`, () => { assert.deepEqual(parse(argument), expected); });

  const daemons: [string, string, number, string, string][] = [
    ['twintree://host/root', 'host', 8730, 'root', ''],
    ['twintree://host/root/', 'host', 8730, 'root', '/'],
    ['twintree://host:99/root/a/b', 'host', 99, 'root', '/a/b'],
    ['twintree://[::1]:99/root', '::1', 99, 'root', ''],
  ];
  for (const [argument, host, port, root, path] of daemons) {
    it(`"${argument}" is a root of a daemon`, () => { assert.deepEqual(parse(argument), { kind: 'daemon', host: fromText(host), port, root: fromText(root), path: fromText(path) }); });
  }

  for (const [argument, code] of [
    ['host::module', 'UNSUPPORTED'], ['host::', 'UNSUPPORTED'], ['me@host::module/x', 'UNSUPPORTED'], ['[::1]::m', 'UNSUPPORTED'], ['rsync://host/module', 'UNSUPPORTED'],
    ['http://host/x', 'USAGE'], ['-oProxyCommand=x:y', 'USAGE'], ['me@-x:y', 'USAGE'], ['-me@x:y', 'USAGE'], ['@host:x', 'USAGE'], ['me@:x', 'USAGE'], ['[-x]:y', 'USAGE'], ['[no]:y', 'USAGE'],
    ['ho st:x', 'USAGE'], ['ho\u001bst:x', 'USAGE'], ['host:~other/x', 'USAGE'], ['ssh://', 'USAGE'], ['ssh:///x', 'USAGE'], ['ssh://-x/y', 'USAGE'], ['ssh://host:0/x', 'USAGE'], ['ssh://host:65536/x', 'USAGE'],
    ['ssh://host:abc/x', 'USAGE'], ['ssh://a:b@host/x', 'USAGE'], ['twintree://host', 'USAGE'], ['twintree://host/', 'USAGE'], ['twintree://me@host/x', 'USAGE'], ['twintree:///x', 'USAGE'],
  ] as const) {
    it(`"${JSON.stringify(argument).slice(1, -1)}" is refused`, () => {
      const error = refusal(() => parse(argument));
      assert.equal(error.code, code);
      assert.ok([...error.message].every((c) => c >= ' '));
    });
  }

  it('never gives a host, user or path that another program could take for an option', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'-@:/[]~a1% .') }), (text) => {
      let spec: RemoteSpec;
      try {
        spec = parse(text);
      } catch (error) {
        assert.ok(error instanceof TwintreeError);
        return;
      }
      if (spec.kind === 'local') assert.equal(spec.path, text);
      else assert.doesNotMatch(spec.host, /^-|[\s/@[\]]/);
    }), { numRuns: 3000 });
  });

  it('keeps bytes that are not UTF-8', () => {
    const spec = parseRemoteSpec('host:a\u00ff\u0080' as ByteString);
    assert.deepEqual(spec, { kind: 'ssh', host: 'host', user: undefined, port: undefined, path: 'a\u00ff\u0080' });
  });
});

describe('the command that starts the agent', () => {
  it('is ssh with nothing that overrides its configuration', () => {
    assert.deepEqual(agentCommand(ssh('box', 'x'), {}, {}), ['ssh', 'box', 'twintree', '--server']);
    assert.deepEqual(agentCommand(ssh('box', 'x', { user: 'me', port: 22 }), {}, {}), ['ssh', '-p', '22', '-l', 'me', 'box', 'twintree', '--server']);
  });

  it('takes -e before TWINTREE_RSH before RSYNC_RSH, and --remote-path as it is', () => {
    const env = { TWINTREE_RSH: 'tt', RSYNC_RSH: 'rr' };
    assert.equal(agentCommand(ssh('box', 'x'), { rsh: 'ee' }, env)[0], 'ee');
    assert.equal(agentCommand(ssh('box', 'x'), {}, env)[0], 'tt');
    assert.equal(agentCommand(ssh('box', 'x'), {}, { ...env, TWINTREE_RSH: '' })[0], 'rr');
    assert.deepEqual(agentCommand(ssh('box', 'x'), { remotePath: 'sudo -n twintree' }, {}), ['ssh', 'box', 'sudo -n twintree', '--server']);
    assert.equal(refusal(() => agentCommand(ssh('box', 'x'), { remotePath: ' ' }, {})).code, 'USAGE');
  });

  it('passes -4 and -6 to ssh alone', () => {
    assert.deepEqual(agentCommand(ssh('box', 'x'), { family: 6, rsh: '/usr/bin/ssh -v' }, {}), ['/usr/bin/ssh', '-v', '-6', 'box', 'twintree', '--server']);
    assert.deepEqual(agentCommand(ssh('box', 'x'), { family: 6, rsh: 'other' }, {}), ['other', 'box', 'twintree', '--server']);
  });

  it('refuses hosts and users that are options, however they came', () => {
    assert.equal(refusal(() => agentCommand(ssh('-oProxyCommand=x', 'x'), {}, {})).code, 'USAGE');
    assert.equal(refusal(() => agentCommand(ssh('box', 'x', { user: '-x' }), {}, {})).code, 'USAGE');
    assert.equal(refusal(() => agentCommand(ssh('', 'x'), {}, {})).code, 'USAGE');
  });

  // What rsync 3.5 does with the same text (its -e, seen by a program that prints its arguments).
  for (const [text, words] of [
    ['ssh -p 22', ['ssh', '-p', '22']],
    ['  ssh   -v ', ['ssh', '-v']],
    [`ssh -o "ProxyCommand nc %h"`, ['ssh', '-o', 'ProxyCommand nc %h']],
    [`ssh -o 'a ''b'' c'`, ['ssh', '-o', `a 'b' c`]],
    [`ssh -o"a b"c`, ['ssh', '-oa bc']],
    [`ssh ""`, ['ssh', '']],
    [String.raw`ssh a\ b`, ['ssh', 'a\\', 'b']],
    [`ssh 'a"b'`, ['ssh', 'a"b']],
  ] as const) {
    it(`splits ${text}`, () => { assert.deepEqual(splitShell(text), words); });
  }

  it('refuses an open quote and nothing at all', () => {
    for (const text of ['', '   ', `ssh 'x`, `""`]) assert.equal(refusal(() => splitShell(text)).code, 'USAGE');
  });

  it('quotes words so that a shell gives them back', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: fc.constantFrom(...` '"\\$\`!*?;&|<>()#~a-\n`) }), { minLength: 1, maxLength: 5 }), (words) => {
      const done = spawnSync('sh', ['-c', `printf '%s\\0' ${words.map(quoteForShell).join(' ')}`], { encoding: 'utf8' });
      assert.deepEqual(done.stdout.split('\0').slice(0, -1), words);
    }), { numRuns: 30 });
    assert.deepEqual(remoteCommand(ssh('box', 'x'), {}, {}, ['a b', 'c']), ['ssh', 'box', `'a b'`, 'c']);
  });
});

describe('--server', () => {
  const call = (...args: string[]): ReturnType<typeof parseServerCall> => parseServerCall(args.map(fromText));

  it('alone is our own client, under both names', () => {
    assert.deepEqual(call('--server'), { kind: 'agent' });
    assert.deepEqual(call('sync', '--server'), { kind: 'agent' });
  });

  it('is not looked for behind other arguments', () => {
    for (const args of [[], ['sync', '-a', '--server'], ['verify', '--server'], ['sync', 'a', 'b']]) assert.deepEqual(call(...args), { kind: 'none' });
  });

  for (const args of [
    ['--server', '--sender', '-vlogDtpre.iLsfxCIvu', '.', '/src'], ['--server', '-vlogDtpre.iLsfxCIvu', '.', 'dst'], ['sync', '--server', '-e.LsfxCIvu', '--delete', '.', 'x'],
    ['--server', '--daemon', '.'], ['--server', '-se.LsfxCIvu'],
  ]) {
    it(`with ${args.slice(1).join(' ')} is a real rsync, and refused with exit code 2`, () => {
      const answer = call(...args);
      assert.equal(answer.kind, 'refused');
      assert.ok(answer.kind === 'refused' && answer.exitCode === 2 && /the other end is rsync/.test(answer.message));
    });
  }

  it('with anything else is another version', () => {
    const answer = call('--server', '--colour');
    assert.ok(answer.kind === 'refused' && answer.exitCode === 1);
  });
});
