/**
 * A kept plan on its way between two hosts. Whoever gets one takes nothing of it on trust: the agent a plan that a client has made by hand, the client a
 * plan that an agent has made of it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Link } from '../../src/endpoint/index.js';
import { shareOf, sharesName } from '../../src/endpoint/supply/share.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { openPlan, UNLIMITED } from '../../src/session/index.js';
import { checkKept } from '../../src/session/remote/confine.js';
import { sourceMessages } from '../../src/session/remote/describe.js';
import { writeOpen } from '../../src/session/remote/messages.js';
import { FIRST_PARTS, PlanReceiver, PlanSender } from '../../src/session/remote/plan-parts.js';
import { ownHead } from '../../src/session/remote/work.js';
import { tellable } from '../../src/session/sources.js';
import { fromText, TwintreeError, type ByteString, type RelPath } from '../../src/tree/index.js';
import type { ControlMessage } from '../../src/wire/index.js';
import { dir, file, makeTree, time, treePaths, useTempFolder } from '../support/index.js';
import { REPOSITORY } from '../support/temp.js';
import { changeHead, partsOf, plan } from './recorded-support.js';

const OLD = time(1_500_000_000);
const codeOf = (code: string) => (error: unknown): boolean => error instanceof TwintreeError && error.code === code;

describe('session: a kept plan in parts', () => {
  const tmp = useTempFolder('plan-parts');
  const part = (bytes: Buffer): ControlMessage => ({ type: 'plan-part', bytes: bytes.toString('base64') });

  it('arrives as it was sent, with no more under way than was allowed', async () => {
    const credits: ControlMessage[] = [];
    const receiver = new PlanReceiver(loadOwnPosix(), (message) => { credits.push(message); });
    makeTree(tmp.at('s'), Object.fromEntries(Array.from({ length: 200 }, (_, k) => [`${'n'.repeat(200)}${k}`, file('x', { mtime: OLD })])));
    await plan(['-a', `${tmp.at('s')}/`, tmp.at('t')], tmp.at('plan'));
    const sealed = await openPlan(fromText(tmp.at('plan')));
    const waiting: ControlMessage[] = [];
    const sender = new PlanSender((message) => { waiting.push(message); });
    // A long head of nothing but paths makes it many parts.
    const long = { ...sealed.head, options: { ...sealed.head.options, filesFrom: undefined }, targetFollowed: Array.from({ length: 40_000 }, (_, k) => `${'p'.repeat(200)}${k}` as RelPath) };
    const sending = sender.run(sealed.bytes(long));
    let most = 0;
    while (!receiver.whole) {
      for (let turn = 0; turn < 2 * FIRST_PARTS; turn++) await new Promise<void>((resolve) => { setImmediate(resolve); });
      most = Math.max(most, waiting.length);
      for (const message of waiting.splice(0)) receiver.take(message);
      for (const credit of credits.splice(0)) sender.grant(credit);
    }
    await sending;
    assert.equal(most, FIRST_PARTS, 'as many as were allowed, and no more');
    const got = receiver.finish();
    assert.equal(got.head.targetFollowed.length, 40_000);
    assert.deepEqual({ ...got.head, targetFollowed: [] }, sealed.head);
    const records = (bytes: Buffer): string[] => partsOf(bytes).sections.slice(1, -1).map(({ payload }) => payload.toString('hex'));
    assert.deepEqual(records(Buffer.concat([...got.bytes()])), records(readFileSync(tmp.at('plan'))));
    got.close();
    sealed.close();
  });

  it('stops where nobody takes the rest', async () => {
    const sent: ControlMessage[] = [];
    const sender = new PlanSender((message) => { sent.push(message); });
    const sending = sender.run(Array.from({ length: 40 }, () => Buffer.alloc(256 << 10)));
    while (sent.length < FIRST_PARTS) await new Promise<void>((resolve) => { setImmediate(resolve); });
    sender.end();
    await sending;
    assert.equal(sent.length, FIRST_PARTS);
  });

  it('is refused where it is more than was allowed, no base64, or no plan', () => {
    const receive = (...messages: ControlMessage[]) => (): void => {
      const receiver = new PlanReceiver(loadOwnPosix(), () => undefined);
      try {
        for (const message of messages) receiver.take(message);
      } finally {
        receiver.discard();
      }
    };
    const opening = Buffer.from('895454500d0a1a0a', 'hex');
    for (const bad of [{ type: 'plan-part' }, { type: 'plan-part', bytes: 7 }, { type: 'plan-part', bytes: 'a' }, { type: 'plan-part', bytes: 'AA=A' }, { type: 'plan-part', bytes: 'AB==' }, part(Buffer.alloc(0)), part(Buffer.alloc((256 << 10) + 1))]) {
      assert.throws(receive(bad), codeOf('WIRE'), JSON.stringify(bad).slice(0, 60));
    }
    assert.throws(receive(part(Buffer.alloc(16))), codeOf('PLAN_FILE'));
    assert.throws(receive(...Array.from({ length: 17 }, (_, k) => part(k === 0 ? opening.subarray(0, 1) : Buffer.alloc(0)))), codeOf('WIRE'));
    const sender = new PlanSender(() => undefined);
    for (const parts of [0, 1, 17, -1, 1.5, 'x']) assert.throws(() => { sender.grant({ type: 'plan-credit', parts }); }, codeOf('WIRE'), `${parts} parts that were never sent`);
  });
});

describe('session: a plan that another host has made', () => {
  const tmp = useTempFolder('own-head');

  it('says of this host only what was asked here, whatever it claims', async () => {
    makeTree(tmp.at('s'), { f: file('f', { mtime: OLD }) });
    await plan(['-a', `${tmp.at('s')}/`, tmp.at('t')], tmp.at('plan'));
    const sealed = await openPlan(fromText(tmp.at('plan')));
    const remote = { side: 'target', host: { kind: 'ssh', host: 'host' as ByteString, user: undefined, port: undefined } } as const;
    const request = { sources: [fromText(`${tmp.at('s')}/`)], target: 'there' as ByteString, options: sealed.head.options };
    const sources = tellable(loadOwnPosix(), sealed.openSources(loadOwnPosix()), sealed.head.options);
    const claims = {
      ...sealed.head, sources: ['/etc/' as ByteString], given: { sources: ['/etc/' as ByteString], target: '/' as ByteString }, options: { ...sealed.head.options, filesFrom: ['x' as ByteString] },
      mounts: [{ path: '/etc' as ByteString, identity: 'i0:1-d0:1', followed: ['x' as RelPath] }], remote: { side: 'source', host: { ...remote.host, host: 'evil' as ByteString } } as const,
    };
    const mine = ownHead(claims, request, sources, remote);
    assert.deepEqual(mine, { ...sealed.head, given: { sources: request.sources, target: 'there' }, remote });
    assert.throws(() => ownHead({ ...claims, mounts: [] }, request, sources, remote), codeOf('WIRE'));
    assert.throws(() => ownHead({ ...claims, altRoots: [{ path: '/etc' as ByteString, identity: 'i0:1-d0:1' }] }, request, sources, remote), codeOf('WIRE'));
    for (const mount of sources.mounts) loadOwnPosix().close(mount.fd);
    sealed.close();
  });

  it('shares only what it takes: names in the root, or, with -R or a list, the very paths', async () => {
    makeTree(tmp.at('s'), { x: dir({ y: dir({ f: file('f', { mtime: OLD }), g: file('g', { mtime: OLD }) }) }), other: file('o', { mtime: OLD }) });
    const cases = [[['-a', tmp.at('s', 'x')], true], [['-aR', `${tmp.at('s')}/./x/y/f`], false]] as const;
    for (const [args, whole] of cases) {
      await plan([...args, tmp.at('t')], tmp.at('plan'));
      const sealed = await openPlan(fromText(tmp.at('plan')));
      const shares = (folder: string, name: string): boolean => {
        const share = shareOf(sealed.shared(), 0, folder as RelPath);
        return share !== undefined && sharesName(share, 0, name as ByteString);
      };
      assert.deepEqual([shares('x/y', 'f'), shares('x/y', 'g'), shares('', 'other'), shares('other', 'z')], [true, whole, false, false], args.join(' '));
      sealed.close();
    }
  });

  it('is refused with a host that would be an option, or none, in its head', async () => {
    makeTree(tmp.at('s'), { f: file('f', { mtime: OLD }) });
    await plan(['-a', `${tmp.at('s')}/`, tmp.at('t')], tmp.at('plan'));
    const whole = readFileSync(tmp.at('plan'));
    const ssh = { kind: 'ssh', host: 'h' };
    const daemon = { kind: 'daemon', host: 'h', port: 8730, root: 'r' };
    for (const host of [ssh, { ...ssh, user: 'u', port: 22 }, { ...ssh, host: 'fe80::1%eth0' }, daemon]) {
      writeFileSync(tmp.at('plan'), whole);
      changeHead(tmp.at('plan'), (head) => { head['remote'] = { side: 'target', host }; });
      const sealed = await openPlan(fromText(tmp.at('plan')));
      assert.deepEqual(JSON.parse(JSON.stringify(sealed.head.remote)), { side: 'target', host });
      sealed.close();
    }
    for (const remote of [
      7, {}, { side: 'target' }, { side: 'both', host: ssh }, { side: 'source', host: ssh, more: 1 }, ...[
        { kind: 'ssh' }, { ...ssh, host: '' }, { ...ssh, host: '-oProxyCommand=x' }, { ...ssh, user: '-l' }, { ...ssh, user: '' }, { ...ssh, host: 'a b' }, { ...ssh, host: 'a\nb' }, { ...ssh, host: 'a/b' }, { ...ssh, user: 'a/b' }, { ...ssh, port: 0 },
        { ...ssh, port: 65_536 }, { ...ssh, root: 'r' }, { ...ssh, rsh: 'sh' }, { kind: 'command', host: 'h' }, { ...daemon, root: 'a/b' }, { ...daemon, user: 'u' }, { ...daemon, host: ':x:' }, { kind: 'daemon', host: 'h', root: 'r' },
      ].map((host) => ({ side: 'target', host })),
    ]) {
      writeFileSync(tmp.at('plan'), whole);
      changeHead(tmp.at('plan'), (head) => { head['remote'] = remote; });
      await assert.rejects(openPlan(fromText(tmp.at('plan'))), codeOf('PLAN_FILE'), JSON.stringify(remote));
    }
  });
});

describe('an agent that is sent a plan', () => {
  const tmp = useTempFolder('agent-plan');
  const argv = [process.execPath, join(REPOSITORY, 'bin/twintree.js'), '--server'];

  /** A client that sends these bytes for a plan of the source; what the agent answers first. */
  async function answer(bytes: Iterable<Buffer>, target: string): Promise<ControlMessage> {
    const link = await Link.open({ kind: 'command', argv }, { role: 'client', connectTimeoutMs: 0 });
    try {
      const sealed = await openPlan(fromText(tmp.at('plan')));
      const sources = tellable(loadOwnPosix(), sealed.openSources(loadOwnPosix()), sealed.head.options);
      const said = new Promise<ControlMessage>((resolve, reject) => {
        link.onControl = resolve;
        link.onLost = reject;
      });
      link.send(writeOpen({
        side: 'session', root: undefined, target: fromText(target), sources: sealed.head.sources, options: sealed.head.options, seed: { low: 1, high: 2 }, lineage: '0123456789abcdef', timeoutMs: 0,
        wants: { operations: 'none', progress: 0 }, work: 'apply',
      }));
      for (const message of sourceMessages(sources)) link.send(message);
      for (const one of bytes) link.send({ type: 'plan-part', bytes: one.toString('base64') });
      const first = await said;
      for (const mount of sources.mounts) loadOwnPosix().close(mount.fd);
      sealed.close();
      return first;
    } finally {
      await link.close();
    }
  }

  it('refuses what is damaged, for another target or of other sources, and changes nothing', async () => {
    makeTree(tmp.at('s'), { f: file('f', { mtime: OLD }) });
    makeTree(tmp.at('t'), { gone: file('g', { mtime: OLD }) });
    makeTree(tmp.at('u'), { gone: file('g', { mtime: OLD }) });
    await plan(['-a', '--delete', `${tmp.at('s')}/`, tmp.at('t')], tmp.at('plan'));
    const sealed = await openPlan(fromText(tmp.at('plan')));
    const { head } = sealed;
    const whole = readFileSync(tmp.at('plan'));
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(whole.readUInt8(whole.length - 60) ^ 1, whole.length - 60);
    const other = { ...head, target: { ...head.target, path: fromText(tmp.at('u')) } }; // with the identity of t
    const elsewhere = { ...head, mounts: head.mounts.map(({ path, followed }) => ({ path, followed, identity: 'i0:1-d0:1' })) };
    const cases: [Iterable<Buffer>, string, string][] = [
      [[damaged], tmp.at('t'), 'PLAN_FILE'], [[Buffer.from('no plan at all, whatever it says')], tmp.at('t'), 'PLAN_FILE'], [[whole], tmp.at('u'), 'WIRE'], [sealed.bytes(other), tmp.at('u'), 'ROOT_CHANGED'],
      [sealed.bytes(elsewhere), tmp.at('t'), 'ROOT_CHANGED'],
    ];
    for (const [bytes, target, code] of cases) {
      const said = await answer([Buffer.concat([...bytes])], target);
      assert.deepEqual([said.type, said['code']], ['error', code], JSON.stringify(said));
      assert.deepEqual([treePaths(tmp.at('t')), treePaths(tmp.at('u'))], [['gone'], ['gone']]);
    }
    assert.ok(!existsSync(tmp.at('t', 'f')));
    sealed.close();
  });

  it('takes none where it refuses options or maps owners: a plan could go around that', () => {
    checkKept(UNLIMITED);
    checkKept({ ...UNLIMITED, root: '/srv' as ByteString });
    for (const limits of [{ refused: ['delete'] }, { userMap: [{}] }, { groupMap: [{}] }]) assert.throws(() => { checkKept({ ...UNLIMITED, ...limits } as typeof UNLIMITED); }, codeOf('REFUSED'));
  });
});
