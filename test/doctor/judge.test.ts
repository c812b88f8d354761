/** Each judge over made-up facts: what is as it should be is told so, and each thing that is not makes its finding, with what mends it. */
import assert from 'node:assert/strict';
import { emptyDraft } from '../../src/cli/options/draft.js';
import {
  isWorse, judgeCapture, judgeConnection, judgeFilters, judgeHost, judgeRights, judgeSource, judgeState, judgeTarget, NameWatch, worst, type CaptureFacts, type ConnectionFacts, type DryRun, type Finding, type HostFacts,
  type RightsFacts, type Severity, type SourceFacts, type StateFacts, type TargetToJudge,
} from '../../src/doctor/index.js';
import { excludeRule, includeRule, parseFilterRule } from '../../src/filter/index.js';
import type { Capability } from '../../src/fs/index.js';
import type { SessionOptions } from '../../src/plan/index.js';
import { newTotals, type TargetFacts } from '../../src/session/index.js';
import { fromBytes, fromText, type Problem, type RelPath } from '../../src/tree/index.js';

/** As with -aHAX, and more. */
function options(more: (options: SessionOptions) => void = () => undefined): SessionOptions {
  const { session } = emptyDraft();
  Object.assign(session.attributes, { perms: true, times: true, owner: true, group: true, devices: true, specials: true, links: true, hardLinks: true, acls: true, xattrs: true });
  session.walk.recursive = true;
  more(session);
  return session;
}

/** The findings that are worse than `ok`, as `id severity`. */
function bad(findings: readonly Finding[]): string[] {
  return findings.filter(({ severity }) => severity !== 'ok').map(({ id, severity }) => `${id} ${severity}`);
}

/** The one finding with that id; its message and what mends it fit. */
function expect(findings: readonly Finding[], id: string, severity: Severity, fix?: RegExp): Finding {
  const those = findings.filter((finding) => finding.id === id && finding.severity !== 'ok');
  assert.equal(those.length, 1, `${id}: ${JSON.stringify(findings)}`);
  const [one] = those as [Finding];
  assert.equal(one.severity, severity, one.message);
  assert.match(one.message, /\.$/);
  if (fix !== undefined) assert.match(one.fix ?? '', fix);
  return one;
}

describe('doctor/host', () => {
  const GOOD: HostFacts = {
    node: '20.19.0', leastNode: [20, 19], program: 'twintree 1.0.0', system: 'linux x64', portable: undefined, lacks: [], kernel: 'simd', state: { folder: fromText('/var/lib/twintree'), exists: true, writable: true, fileSystem: 'ext', freeBytes: 1e12 },
    store: undefined, openFiles: 1024, umask: 0o022, tz: undefined, zone: 'Europe/Berlin', now: Date.UTC(2026, 0, 1),
  };
  it('has nothing against a sound host', () => {
    const findings = judgeHost(GOOD);
    assert.deepEqual(bad(findings), []);
    assert.ok(findings.length >= 8);
  });
  const cases: [string, Severity, Partial<HostFacts>, RegExp][] = [
    ['host.node', 'error', { node: '20.18.9' }, /20\.19/],
    ['host.node', 'error', { node: '18.20.0' }, /20\.19/],
    ['host.calls', 'warning', { portable: 'TWINTREE_NO_FFI is set', lacks: ['xattrs'] }, /unset TWINTREE_NO_FFI/],
    ['host.kernel', 'note', { kernel: 'twin' }, /SIMD/],
    ['host.state-folder', 'note', { state: { ...GOOD.state, writable: false } }, /TWINTREE_STATE_DIR/],
    ['host.state-network', 'warning', { state: { ...GOOD.state, fileSystem: 'nfs' } }, /TWINTREE_STATE_DIR/],
    ['host.state-space', 'warning', { state: { ...GOOD.state, freeBytes: 1 << 20 } }, /^df -h \/var\/lib\/twintree$/],
    ['host.store', 'note', { store: 'the package lmdb is not installed here' }, /npm install/],
    ['host.open-files', 'warning', { openFiles: 64 }, /^ulimit -n \d+$/],
    ['host.umask', 'warning', { umask: 0o277 }, /^umask 022$/],
    ['host.time-zone', 'warning', { zone: undefined, tz: 'Mars/North' }, /^export TZ=/],
    ['host.clock', 'error', { now: 0 }, /set-ntp/],
  ];
  for (const [id, severity, facts, fix] of cases) {
    it(`tells ${id} for ${Object.keys(facts).join(', ')}`, () => {
      const findings = judgeHost({ ...GOOD, ...facts });
      expect(findings, id, severity, fix);
      assert.deepEqual(bad(findings), [`${id} ${severity}`], 'and nothing else');
    });
  }
  it('takes state that cannot be kept for an error where it is asked for', () => {
    expect(judgeHost({ ...GOOD, store: 'it does not load' }, true), 'host.store', 'error');
    expect(judgeHost({ ...GOOD, state: { ...GOOD.state, writable: undefined } }, true), 'host.state-folder', 'error');
  });
});

describe('doctor/rights', () => {
  const all: ReadonlySet<Capability> = new Set(['chown', 'dacOverride', 'dacReadSearch', 'fowner', 'mknod', 'sysAdmin', 'setfcap']);
  const facts = (side: RightsFacts['side'], uid: number, ...without: Capability[]): RightsFacts => ({ side, where: 'here', uid, devices: true, capabilities: uid === 0 ? new Set([...all].filter((each) => !without.includes(each))) : new Set() });

  it('has nothing against root with all capabilities, nor against a user where nothing special is asked for', () => {
    assert.deepEqual(bad([...judgeRights(facts('source', 0), options()), ...judgeRights(facts('target', 0), options())]), []);
    const plain = options(({ attributes: a }) => Object.assign(a, { owner: false, group: false, devices: false, xattrs: false }));
    assert.deepEqual(bad(judgeRights(facts('target', 1000), plain)), []);
    assert.deepEqual(bad(judgeRights(facts('target', 1000), options(({ attributes }) => { attributes.fakeSuper.target = true; }))), [], 'fake-super keeps all of it');
  });
  it('says what a plain user does not keep, as notes', () => {
    assert.deepEqual(bad(judgeRights(facts('target', 1000), options())), ['rights.owner note', 'rights.devices note', 'rights.xattrs note']);
    expect(judgeRights(facts('source', 1000), options()), 'rights.read', 'note', /root/);
  });
  it('warns of a root that has lost capabilities, as in a container: the session takes it for root', () => {
    expect(judgeRights(facts('target', 0, 'chown'), options()), 'rights.owner', 'warning', /CAP_CHOWN.*--no-o/);
    expect(judgeRights(facts('target', 0, 'mknod'), options()), 'rights.devices', 'warning');
    expect(judgeRights({ ...facts('target', 0, 'mknod'), devices: false }, options()), 'rights.devices', 'note');
    expect(judgeRights(facts('target', 0, 'sysAdmin'), options()), 'rights.xattrs', 'note');
    expect(judgeRights(facts('target', 0, 'fowner'), options()), 'rights.modes', 'warning');
    expect(judgeRights(facts('source', 0, 'dacReadSearch', 'dacOverride'), options()), 'rights.read', 'warning');
    assert.deepEqual(bad(judgeRights(facts('source', 0, 'dacReadSearch'), options())), [], 'either serves');
  });
  it('goes by the user where the system tells of no capabilities', () => {
    assert.deepEqual(bad(judgeRights({ side: 'target', where: 'box', uid: 0, devices: true, capabilities: undefined }, options())), []);
    assert.equal(bad(judgeRights({ side: 'target', where: 'box', uid: 5, devices: true, capabilities: undefined }, options())).length, 3);
  });
});

describe('doctor/state', () => {
  const pair: StateFacts['pair'] = { exists: true, holder: undefined, format: 'current', damaged: [], setAside: false };
  const judge = (more: Partial<StateFacts['pair']>): Finding[] => judgeState({ folder: fromText('/s/pairs/x y'), pair: { ...pair, ...more } });
  it('tells what is the matter with it', () => {
    assert.deepEqual(bad(judge({})), []);
    assert.deepEqual(bad(judge({ exists: false })), []);
    assert.match(expect(judge({ holder: { pid: 77, since: 0 } }), 'state.locked', 'warning', /twintree status/).message, /Process 77/);
    expect(judge({ format: 'newer' }), 'state.format', 'error', /rm -r '\/s\/pairs\/x y'/);
    expect(judge({ format: 'older' }), 'state.format', 'note');
    expect(judge({ format: 'damaged' }), 'state.damaged', 'warning');
    assert.equal(judge({ damaged: ['index', 'dirty set'] }).filter(({ id }) => id === 'state.damaged').length, 2);
    expect(judge({ setAside: true }), 'state.set-aside', 'note', /\*\.damaged$/);
  });
});

describe('doctor/connection', () => {
  const connected: Extract<ConnectionFacts['result'], { connected: unknown }>['connected'] = {
    ms: 300, program: 'twintree 1.0.0', node: '22.15.0', system: 'linux x64', skew: { ms: 3, within: 20 }, roundTripMs: 12, compression: { zstd: true, brotli: true }, features: ['kept-sums', 'standing', 'durable'], sent: false, notices: [],
  };
  const GOOD: ConnectionFacts = {
    kind: 'ssh', host: 'me@box', shell: 'ssh', byHand: 'ssh -v -l me box true', port: undefined, bootstrap: true, result: { connected }, certificates: undefined, now: Date.UTC(2026, 0, 1),
    ours: { program: 'twintree 1.0.0', compression: { zstd: true, brotli: true }, features: ['kept-sums', 'standing', 'durable'], leastNode: [20, 19] },
  };
  const over = (more: Partial<typeof connected>): Finding[] => judgeConnection({ ...GOOD, result: { connected: { ...connected, ...more } } });
  const refused = (message: string, more: Partial<ConnectionFacts> = {}, code: 'CONNECT' | 'CONNECT_TIMEOUT' | 'NOT_TWINTREE' | 'VERSION' = 'CONNECT'): Finding[] =>
    judgeConnection({ ...GOOD, ...more, result: { refused: { ms: 20_000, code, message, advice: undefined } } });

  it('has nothing against a good connection', () => assert.deepEqual(bad(judgeConnection(GOOD)), []));
  it('tells what the other end lacks', () => {
    expect(over({ program: 'twintree 0.9.0' }), 'between.versions', 'note', /npm install/);
    expect(over({ node: '20.1.0' }), 'between.node', 'warning');
    expect(over({ features: ['standing'] }).filter(({ message }) => message.includes('durable')), 'between.features', 'note');
    assert.equal(over({ features: [] }).filter(({ id }) => id === 'between.features').length, 3);
    expect(over({ compression: { zstd: false, brotli: false } }), 'between.compression', 'warning');
    assert.deepEqual(bad(over({ compression: { zstd: false, brotli: true } })), []);
    expect(over({ sent: true, notices: ['twintree is not installed on the other host: it was sent, without native calls for x'] }), 'between.calls', 'warning');
    expect(over({ sent: true }), 'between.bootstrap', 'note', /npm install/);
    expect(over({ roundTripMs: 600 }), 'between.round-trip', 'note');
  });
  it('tells clocks apart only beyond what the measurement leaves open', () => {
    assert.deepEqual(bad(over({ skew: { ms: -1900, within: 20 } })), []);
    assert.deepEqual(bad(over({ skew: { ms: 5000, within: 4000 } })), []);
    assert.match(expect(over({ skew: { ms: -5000, within: 20 } }), 'between.clock', 'note', /set-ntp/).message, /5\.0 s behind/);
    assert.match(expect(over({ skew: { ms: 3_600_000, within: 20 } }), 'between.clock', 'warning').message, /60 minutes ahead/);
    expect(over({ skew: undefined }), 'between.clock', 'note', /date -u/);
  });
  const sayings: [string, string, RegExp, Partial<ConnectionFacts>?][] = [
    ['ssh cannot be started: there is no such program', 'between.shell', /openssh-client/],
    ['ssh: … (exit code 255): Permission denied (publickey).', 'between.auth', /^ssh-copy-id me@box$/],
    ['ssh: … Permission denied (publickey).', 'between.auth', /^ssh-copy-id -p 2222 me@box$/, { port: 2222 }],
    ['@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@; Host key verification failed.', 'between.host-key', /ssh-keygen -R box$/],
    ['Host key verification failed.', 'between.host-key', /^ssh -v -l me box true/],
    ['ssh: connect to host box port 22: Connection refused', 'between.refused', /systemctl start ssh/],
    ['twintree://box:8730: connection refused: nothing listens there', 'between.refused', /twintree serve --listen/, { kind: 'daemon' }],
    ['ssh: Could not resolve hostname box: Name or service not known', 'between.name', /^getent hosts box$/],
    ['ssh: connect to host box port 22: No route to host', 'between.unreachable', /^ip route get/],
    ['ssh: connect to host box port 22: Connection timed out', 'between.timeout', /^ssh -v/],
    ['ssh: an rsync answered, which has a protocol of its own', 'between.rsync', /--rsync-path/],
    ['ssh: neither twintree nor Node.js 20.19 or later was found on the other host', 'between.program', /install Node\.js 20\.19/],
    ['ssh: the command was not found on the other host: sh: twintree: not found', 'between.program', /--no-bootstrap/, { bootstrap: false }],
    ['ssh: something nobody has foreseen', 'between.connect', /^ssh -v/],
  ];
  for (const [message, id, fix, more] of sayings) {
    it(`takes "${message.slice(0, 50)}" for ${id}`, () => {
      const findings = refused(message, more);
      assert.deepEqual(bad(findings), [`${id} error`]);
      assert.ok(expect(findings, id, 'error', fix).message.includes(message), 'what was said is told');
    });
  }
  it('tells a silence and an older protocol by their codes', () => {
    expect(refused('no answer', {}, 'CONNECT_TIMEOUT'), 'between.timeout', 'error', /--contimeout/);
    expect(refused('versions 8 to 9', {}, 'VERSION'), 'between.version', 'error', /twintree 1\.0\.0/);
    expect(refused('box: "hello" answered', {}, 'NOT_TWINTREE'), 'between.stranger', 'error');
  });
  it('tells of certificates', () => {
    const print = `sha256:${'ab'.repeat(32)}`;
    const certificates = { connectMs: 5, fingerprint: print, notAfter: Date.UTC(2036, 0, 1), verdict: 'known' as const, knownHosts: '/k', own: undefined };
    const judge = (more: Partial<NonNullable<ConnectionFacts['certificates']>>): Finding[] => judgeConnection({ ...GOOD, kind: 'daemon', certificates: { ...certificates, ...more } });
    assert.deepEqual(bad(judge({})), []);
    assert.deepEqual(bad(judge({ verdict: 'asked' })), []);
    expect(judge({ verdict: 'new' }), 'between.certificate', 'note', new RegExp(`--fingerprint=${print}`));
    expect(judge({ verdict: 'changed' }), 'between.certificate', 'error', /\/k/);
    expect(judge({ verdict: 'exchanged' }), 'between.certificate', 'error', /--fingerprint/);
    assert.match(expect(judge({ notAfter: Date.UTC(2026, 0, 11) }), 'between.certificate-end', 'note', /cert make/).message, /in 10 days/);
    assert.match(expect(judge({ own: { file: '/me.pem', notAfter: Date.UTC(2025, 0, 1) } }), 'between.identity-end', 'note').message, /\/me\.pem ended on 2025-01-01/);
    assert.deepEqual(bad(judge({ notAfter: NaN })), []);
  });
});

const problem = (more: Partial<Problem>): Problem => ({ code: 'unreadable', phase: 'scan', side: 'source', path: fromText('a/b'), message: 'the folder cannot be listed: permission denied', severity: 'error', ...more });
const totals = { ...newTotals(), entries: { files: 3, dirs: 2, links: 1, devices: 0, specials: 0 }, totalSize: 1000 };
const run = (more: Partial<DryRun> = {}): DryRun => ({ totals, target: undefined, notices: [], lost: [], problems: [], problemCount: more.problems?.length ?? 0, error: undefined, ...more });

describe('doctor/source', () => {
  const judge = (facts: Partial<SourceFacts>, asked = options()): Finding[] => judgeSource({ sources: [fromText('src/')], run: run(), mounts: [], closed: undefined, ...facts }, asked);
  it('tells what cannot be read, what is missing and what is empty', () => {
    assert.deepEqual(bad(judge({})), []);
    expect(judge({ run: run({ problems: [problem({ path: fromText('src/'), message: 'the source cannot be opened: no such file' })] }) }), 'source.missing', 'error', /^ls -ld src\//);
    const many = Array.from({ length: 12 }, (_, k) => problem({ path: fromText(`d${k}`) }));
    assert.match(expect(judge({ run: run({ problems: many, problemCount: 50 }) }), 'source.unreadable', 'error', /setfacl/).message, /12 paths at least .* and 2 more/);
    expect(judge({ closed: { count: 1, examples: [fromText("it's") as RelPath] } }), 'source.unreadable', 'error', /'it'\\''s'/);
    expect(judge({ run: run({ problems: [problem({ code: 'vanished', severity: 'warning' })] }) }), 'source.in-use', 'note');
    const empty = run({ totals: { ...totals, entries: { files: 0, dirs: 1, links: 0, devices: 0, specials: 0 } } });
    expect(judge({ run: empty }), 'source.empty', 'note');
    expect(judge({ run: empty }, options((o) => { o.delete.when = 'after'; })), 'source.empty', 'warning', /--guard-root/);
    const mounts = [{ path: fromText('/src/m'), type: fromText('tmpfs') }];
    expect(judge({ mounts }), 'source.mounts', 'note', /-x/);
    assert.match(expect(judge({ mounts }, options((o) => { o.walk.oneFileSystem = 1; })), 'source.mounts', 'note').message, /left out/);
  });
});

describe('doctor/target', () => {
  const GOOD: TargetFacts = {
    exists: true, fileSystem: 'ext', readOnly: false, writable: true, freeBytes: 1e9, neededBytes: 1e6, sharesBlocks: false, freeInodes: 1000, neededInodes: 10, granularityNs: 1, nameMax: 255, uid: 0,
    holds: { symlinks: true, fifos: true, hardLinks: true, devices: true, modes: true, stickyFiles: true, owners: true, holes: true, userXattrs: true, acls: true, reflinks: false, caseInsensitive: false, foldsUnicode: false, anyBytes: true },
  };
  const judge = (more: Partial<TargetFacts>, asked = options(), facts: Partial<TargetToJudge> = {}): Finding[] =>
    judgeTarget({ name: 'host:/b c', far: true, names: undefined, locked: undefined, run: run({ target: { ...GOOD, ...more } }), ...facts }, asked);
  const told = (more: Partial<DryRun>): Finding[] => judgeTarget({ name: 'host:/b/c', far: true, names: undefined, locked: undefined, run: run(more) }, options());

  it('has nothing against a good target', () => assert.deepEqual(bad(judge({})), []));
  it('tells whether it can be written', () => {
    expect(judge({ readOnly: true, writable: false }), 'target.read-only', 'error', /mount -o remount,rw '\/b c'/);
    assert.match(expect(judge({ writable: false, uid: 7 }), 'target.writable', 'error', /chown/).message, /user 7/);
    expect(judge({}, options(), { locked: true }), 'target.locked', 'warning');
  });
  it('tells whether the plan fits', () => {
    assert.match(expect(judge({ freeBytes: 1024 * 1024, neededBytes: 3 * 1024 * 1024 }), 'target.space', 'error', /make room for 2\.0 MiB/).message, /needs 3\.0 MiB/);
    assert.deepEqual(bad(judge({ freeBytes: 0, sharesBlocks: true })), [], 'blocks are shared');
    expect(judge({ freeBytes: 1_010_000 }), 'target.space', 'note');
    expect(judge({}, options((o) => { o.guard.reserveBytes = 2e9; })), 'target.space', 'error', /lower --reserve/);
    expect(judge({ freeInodes: 9 }), 'target.inodes', 'error');
    const { freeInodes: _none, ...boundless } = GOOD;
    assert.deepEqual(bad(judgeTarget({ name: 't', far: false, names: undefined, locked: false, run: run({ target: boundless }) }, options())), []);
  });
  it('tells what it does not hold of what is asked for, and nothing of what is not', () => {
    const nothing = Object.fromEntries(Object.keys(GOOD.holds).map((trait) => [trait, false]));
    const findings = judge({ holds: { ...nothing, anyBytes: true }, granularityNs: 2e9 });
    assert.deepEqual(bad(findings).toSorted(), [
      'target.holds-acls warning', 'target.holds-fifos warning', 'target.holds-hard-links warning', 'target.holds-modes warning', 'target.holds-owners warning', 'target.holds-symlinks warning', 'target.holds-user-xattrs warning', 'target.times note',
    ]);
    assert.match(expect(findings, 'target.times', 'note').message, /2 s/);
    const little = options(({ attributes: a }) => { Object.assign(a, { perms: false, owner: false, group: false, devices: false, specials: false, links: false, hardLinks: false, acls: false, xattrs: false }); });
    assert.deepEqual(bad(judge({ holds: nothing }, little)), []);
    expect(judge({ holds: { userXattrs: false } }, options((o) => { o.attributes.fakeSuper.target = true; })), 'target.holds-user-xattrs', 'error');
    expect(judge({ holds: { holes: false } }, options((o) => { o.replace.sparse = true; })), 'target.holds-holes', 'warning', /-S/);
    expect(judge({ holds: { caseInsensitive: true } }), 'target.folds-names', 'note');
    expect(judge({}, options((o) => { o.attributes.times = false; })), 'target.times', 'note', /-t/);
  });
  it('tells of names and sizes that it cannot hold', () => {
    const watch = new NameWatch({ ...GOOD, fileSystem: 'vfat', holds: { anyBytes: false }, maxFileSize: 100, nameMax: 20 });
    for (const [name, bytes] of [['plain', 100], ['a/what?', 5], ['l\xff', 5], ['end.', 5], ['long-long-long-long-long', 5], ['large', 101], ['ümlaut', 1]] as const) {
      watch.see((name === 'l\xff' ? fromBytes(Buffer.from(name, 'latin1')) : fromText(name)) as RelPath, bytes);
    }
    const { troubles } = watch;
    assert.deepEqual([troubles.notUtf8.count, troubles.refused.count, troubles.tooLong.count, troubles.tooLarge.count], [1, 2, 1, 1]);
    const findings = judge({ fileSystem: 'vfat', maxFileSize: 100 }, options(), { names: troubles });
    for (const id of ['target.names-utf8', 'target.names-characters', 'target.names-length', 'target.file-size']) expect(findings, id, 'error');
    assert.match(expect(findings, 'target.names-characters', 'error').message, /a\/what\?, end\./);
  });
  it('makes of each thing that a dry run tells what it means', () => {
    expect(told({ notices: [{ code: 'cannot-keep-owner', message: 'owners cannot be kept' }] }), 'target.cannot-keep-owner', 'warning', /--fake-super/);
    expect(told({ notices: [{ code: 'cannot-keep-acls', message: 'acls cannot be kept' }] }), 'target.cannot-keep-acls', 'warning', /-A/);
    expect(told({ notices: [{ code: 'portable', message: 'system calls are reached through Node.js alone' }] }), 'between.calls', 'warning');
    assert.deepEqual(bad(judge({}, options(), { far: false, run: run({ notices: [{ code: 'portable', message: 'x' }] }) })), [], 'of this host it is told once');
    expect(told({ notices: [{ code: 'unknown-name', message: 'no user "x"' }] }), 'target.unknown-name', 'warning');
    expect(told({ notices: [{ code: 'skipping-directory', message: 'skipping directory x' }] }), 'source.skipped', 'warning', /-r/);
    expect(told({ notices: [{ code: 'alt-dest-missing', message: 'x' }] }), 'target.alternate', 'note');
    expect(told({ notices: [{ code: 'anything', message: 'x' }] }), 'target.notice', 'note');
    expect(told({ notices: [{ code: 'promoted', message: 'x' }] }), 'target.promoted', 'error');
    expect(told({ problems: [problem({ code: 'name-twin' }), problem({ code: 'name-twin' })] }), 'target.name-twins', 'error');
    expect(told({ problems: [problem({ code: 'name-refused' })] }), 'target.names-refused', 'error');
    expect(told({ problems: [problem({ code: 'special-skipped' })] }), 'target.specials', 'note');
    expect(told({ problems: [problem({ side: 'target', code: 'unreadable' })] }), 'target.problem', 'error');
    const ended = (code: NonNullable<DryRun['error']>['code'], message = 'it ended', advice?: string): Finding[] => told({ error: { code, message, advice } });
    expect(ended('TARGET_NOT_MADE', '/b: the folder above the target cannot be opened'), 'target.unusable', 'error', /^mkdir -p \/b /);
    expect(ended('TARGET_UNUSABLE', 'it is a file', 'Name a folder.'), 'target.unusable', 'error', /Name a folder/);
    expect(ended('SOURCE_MISSING'), 'source.missing', 'error');
    expect(ended('LOCKED'), 'target.locked', 'warning');
    expect(ended('REFUSED'), 'target.refused', 'error');
    expect(ended('NO_SPACE'), 'target.space', 'error');
    expect(ended('STATE'), 'state.unusable', 'error');
    assert.match(expect(ended('WIRE'), 'target.failed', 'error').message, /WIRE/);
  });
});

describe('doctor/filters', () => {
  const origin = { source: '--exclude', line: 0 };
  const rule = (text: string, include = false) => (include ? includeRule(fromText(text), { source: '--include', line: 0 }) : excludeRule(fromText(text), origin));
  const judge = (more: Partial<Parameters<typeof judgeFilters>[0]>): Finding[] => judgeFilters({ rules: [], missingFiles: [], cleared: 0, notLooked: undefined, problems: [], ...more });
  it('takes a path that is not there for a mistake, and a pattern for one that waits', () => {
    assert.deepEqual(bad(judge({ rules: [{ rule: rule('*.o'), decided: 3, shadow: undefined }] })), []);
    expect(judge({ rules: [{ rule: rule('/a/typo/'), decided: 0, shadow: undefined }] }), 'filters.unused', 'warning', /correct/);
    expect(judge({ rules: [{ rule: rule('*.bak'), decided: 0, shadow: undefined }] }), 'filters.unused', 'note');
    expect(judge({ rules: [{ rule: rule('node_modules'), decided: 0, shadow: undefined }] }), 'filters.unused', 'note');
  });
  it('tells which rule stands in the way of another', () => {
    const by = rule('/a/');
    const path = fromText('a/x') as RelPath;
    expect(judge({ rules: [{ rule: rule('/a/x', true), decided: 0, shadow: { by, path, how: 'folder' } }] }), 'filters.unreached', 'warning', /--exclude='?\/a\/\*'?/);
    expect(judge({ rules: [{ rule: rule('x'), decided: 0, shadow: { by, path, how: 'folder' } }] }), 'filters.unreached', 'note');
    expect(judge({ rules: [{ rule: rule('x', true), decided: 0, shadow: { by, path, how: 'entry' } }] }), 'filters.shadowed', 'warning', /before "\/a\/"/);
    expect(judge({ rules: [{ rule: rule('x'), decided: 0, shadow: { by, path, how: 'entry' } }] }), 'filters.shadowed', 'note', /take it away/);
  });
  it('tells the rest, and bounds what it tells', () => {
    const [merge] = parseFilterRule(fromText('dir-merge .rules'), origin);
    expect(judge({ missingFiles: merge === undefined ? [] : [merge] }), 'filters.merge-missing', 'note');
    expect(judge({ cleared: 2 }), 'filters.cleared', 'note');
    expect(judge({ notLooked: 'why not' }), 'filters.not-looked', 'note');
    expect(judge({ problems: [problem({ code: 'filter-file', message: 'no rule' })] }), 'filters.file', 'warning');
    const rules = Array.from({ length: 500 }, (_, k) => ({ rule: rule(`*.${k}`), decided: 0, shadow: undefined }));
    const findings = judge({ rules });
    assert.equal(findings.length, 21);
    assert.match(findings[20]?.message ?? '', /480 more/);
  });
});

describe('doctor/capture', () => {
  const limit = (value: number, sysctl: string) => ({ value, sysctl });
  const limits = { watches: limit(8192, 'fs.inotify.max_user_watches'), instances: limit(128, 'fs.inotify.max_user_instances'), queued: limit(16_384, 'fs.inotify.max_queued_events') };
  const status = { backend: 'inotify' as const, state: 'watching' as const, sentence: 'Changes are followed with inotify.', notes: [], watches: 100, unwatched: 0, events: 0, hints: 0, coarsened: 0, overflows: 0, lastEvent: undefined };
  const condition = (kind: 'watch-limit' | 'permission' | 'mount') => ({ kind, path: fromText('d') as RelPath, message: 'may not be read', answer: 'sweep' as const, at: 0 });
  const judge = (more: Partial<CaptureFacts>): Finding[] => judgeCapture({ begun: { status, conditions: [] }, failure: undefined, refused: undefined, limits, root: false, folders: 100, ...more });
  it('tells how a source would be followed, and what hinders it', () => {
    assert.deepEqual(bad(judge({})), []);
    assert.deepEqual(bad(judge({ begun: { status: { ...status, backend: 'fanotify' }, conditions: [] }, limits: { ...limits, watches: limit(1, 'x') } })), [], 'fanotify needs no watches');
    const short = expect(judge({ folders: 20_000, begun: { status: { ...status, watches: 8192, unwatched: 1 }, conditions: [condition('watch-limit')] } }), 'capture.watches', 'error', /^sysctl -w fs\.inotify\.max_user_watches=65536 /);
    assert.match(short.message, /20000 folders/);
    expect(judge({ begun: { status: { ...status, watches: 8000 }, conditions: [] } }), 'capture.watches', 'warning', /max_user_watches=16384/);
    expect(judge({ limits: { ...limits, queued: limit(100, 'fs.inotify.max_queued_events') } }), 'capture.queue', 'warning', /max_queued_events=\d+/);
    expect(judge({ begun: { status: { ...status, backend: 'chokidar', sentence: 'Changes are followed with chokidar (no more inotify queues for this user (fs.inotify.max_user_instances)).' }, conditions: [] } }), 'capture.backend', 'warning', /max_user_instances=256/);
    expect(judge({ begun: undefined, failure: { message: 'fanotify cannot be used here', advice: undefined } }), 'capture.backend', 'error', /--capture/);
    expect(judge({ refused: { message: 'the target lies in the source', advice: 'Put it elsewhere.' } }), 'capture.overlap', 'error', /elsewhere/);
    expect(judge({ begun: { status, conditions: [condition('permission')] } }), 'capture.permission', 'warning');
    expect(judge({ begun: { status, conditions: [condition('mount')] } }), 'capture.mount', 'note');
    expect(judge({ begun: { status: { ...status, notes: ['it does not see x'] }, conditions: [] } }), 'capture.unseen', 'note');
  });
});

describe('doctor/finding', () => {
  it('knows what is worse', () => {
    const all = (['ok', 'note', 'warning', 'error'] as const).map((severity): Finding => ({ id: 'host.x', severity, message: 'x.' }));
    assert.equal(worst([]), 'ok');
    for (const [k, { severity }] of all.entries()) assert.equal(worst(all.slice(0, k + 1)), severity);
    assert.ok(isWorse('warning', 'note') && !isWorse('note', 'note'));
  });
});
