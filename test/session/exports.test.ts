/** The daemon's configuration: what is read, and that a mistake is told by the member it is in. */
import assert from 'node:assert/strict';
import { parseIdMap } from '../../src/cli/options/id-map.js';
import { everyPeer, limitsOf, parseExports, rootFor, type Exports } from '../../src/session/remote/index.js';
import { fromText, TwintreeError } from '../../src/tree/index.js';

const PEER = `sha256:${'ab'.repeat(32)}`;
const ROOT = { path: '/srv', access: 'read-only', peers: [PEER] };

function read(value: unknown): Exports {
  return parseExports(typeof value === 'string' ? value : JSON.stringify(value), '/etc/twintree/serve.json', parseIdMap);
}

describe('the configuration of a daemon', () => {
  it('has a root with a path, an access and peers, and sensible limits', () => {
    const exports = read({ roots: { data: ROOT } });
    assert.equal(exports.connections, 64);
    assert.equal(exports.handshakeTimeoutMs, 15_000);
    const root = rootFor(exports, fromText('data'), PEER);
    assert.deepEqual(limitsOf(root), { root: '/srv', mayRead: true, mayWrite: false, refused: [], hidden: [], userMap: [], groupMap: [] });
  });

  it('reads all members', () => {
    const exports = read({
      listen: '[::1]:8730', identity: 'server.pem', tokens: '/etc/tokens', connections: 5, handshakeTimeout: 3,
      roots: {
        data: ROOT,
        in: { path: '/in', access: 'write-only', peers: ['token:alice', PEER.toUpperCase().replace('SHA256', 'sha256')], refuse: ['delete'], filters: ['- /secret/', '+ *.iso'], user: 'nobody', group: '12', usermap: ['*:backup'], groupmap: ['0-5:7,:8'], connections: 2 },
      },
    });
    assert.equal(exports.identity, '/etc/twintree/server.pem');
    assert.equal(exports.tokens, '/etc/tokens');
    assert.equal(exports.handshakeTimeoutMs, 3000);
    const root = rootFor(exports, fromText('in'), 'token:alice');
    assert.deepEqual([...root.peers], ['token:alice', PEER]);
    assert.equal(root.filters.length, 2);
    assert.equal(root.groupMap.length, 2);
    assert.equal(root.connections, 2);
    assert.deepEqual([limitsOf(root).mayRead, limitsOf(root).mayWrite], [false, true]);
    assert.deepEqual([...everyPeer(exports)].sort(), [PEER, 'token:alice']);
  });

  const mistakes: ReadonlyArray<readonly [what: string, value: unknown, told: RegExp]> = [
    ['no JSON', '{', /is no JSON/],
    ['no object', '[]', /it is no object/],
    ['no roots', {}, /roots is missing/],
    ['empty roots', { roots: {} }, /roots: there are none/],
    ['an unknown member', { roots: { a: ROOT }, root: 1 }, /root is not known/],
    ['an unknown member of a root', { roots: { a: { ...ROOT, readonly: true } } }, /roots\.a\.readonly is not known/],
    ['a name with a slash', { roots: { 'a/b': ROOT } }, /"a\/b" is no name/],
    ['no path', { roots: { a: { access: 'read-only', peers: [PEER] } } }, /roots\.a\.path is missing/],
    ['a relative path', { roots: { a: { ...ROOT, path: 'srv' } } }, /roots\.a\.path is not absolute/],
    ['no access', { roots: { a: { path: '/srv', peers: [PEER] } } }, /roots\.a\.access is missing/],
    ['an unknown access', { roots: { a: { ...ROOT, access: 'rw' } } }, /roots\.a\.access is none of/],
    ['nobody', { roots: { a: { ...ROOT, peers: [] } } }, /roots\.a\.peers names nobody/],
    ['a peer that is none', { roots: { a: { ...ROOT, peers: ['*'] } } }, /roots\.a\.peers "\*" is neither/],
    ['a short fingerprint', { roots: { a: { ...ROOT, peers: ['sha256:abcd'] } } }, /roots\.a\.peers/],
    ['an option that cannot be refused', { roots: { a: { ...ROOT, refuse: ['deletes'] } } }, /roots\.a\.refuse "deletes"/],
    ['a filter that reads a file', { roots: { a: { ...ROOT, filters: ['. /etc/passwd'] } } }, /roots\.a\.filters/],
    ['a filter that clears', { roots: { a: { ...ROOT, filters: ['!'] } } }, /roots\.a\.filters/],
    ['a filter for files in folders', { roots: { a: { ...ROOT, filters: [': .rules'] } } }, /roots\.a\.filters/],
    ['a filter of one side', { roots: { a: { ...ROOT, filters: ['P x'] } } }, /roots\.a\.filters/],
    ['a group alone', { roots: { a: { ...ROOT, group: 'x' } } }, /roots\.a\.group stands without user/],
    ['a map without a colon', { roots: { a: { ...ROOT, usermap: ['x'] } } }, /roots\.a\.usermap cannot be read/],
    ['no connections', { roots: { a: { ...ROOT, connections: 0 } } }, /roots\.a\.connections is no whole number/],
    ['a number as text', { roots: { a: ROOT }, connections: '5' }, /connections is no whole number/],
    ['a list with a number', { roots: { a: { ...ROOT, refuse: [1] } } }, /roots\.a\.refuse holds what is no text/],
  ];
  for (const [what, value, told] of mistakes) {
    it(`refuses ${what}`, () => {
      assert.throws(() => read(value), (error: unknown) => error instanceof TwintreeError && error.code === 'USAGE' && told.test(error.message) && error.message.includes('/etc/twintree/serve.json'));
    });
  }

  it('tells nobody whether a root is there that is not for him', () => {
    const exports = read({ roots: { data: ROOT } });
    const message = (name: string, peer: string): string => {
      try {
        rootFor(exports, fromText(name), peer);
      } catch (error) {
        return error instanceof TwintreeError ? error.message.replace(name, 'NAME') : String(error);
      }
      return 'let in';
    };
    assert.equal(message('data', 'token:x'), message('other', 'token:x'));
    assert.notEqual(message('data', 'token:x'), 'let in');
    assert.throws(() => rootFor(exports, undefined, PEER), /no root/);
  });
});
