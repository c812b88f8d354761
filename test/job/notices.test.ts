/** Notices against real servers: mail with and without TLS and passwords, webhooks, dead-man's switches; what is said of them holds no secret. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { occasionsOf, pingOf, secretNames, sendNotices, sendPings, failingSince, type DeliveryOptions, type JobRun, type Occasion, type RunResult } from '../../src/job/index.js';
import type { MailNotice, NoticeSpec } from '../../src/job/notices/index.js';
import { useTempFolder } from '../support/index.js';
import { CERTIFICATE, mailServer, webServer, type MailBox, type WebServer } from './servers.js';
import { endedRun, someTarget, START } from './some-runs.js';

const FAILED = endedRun({
  run: 8, result: 'partial', exitCode: 23, job: 'nightly "ü"', done: [someTarget({ problems: 2 })],
  problems: [{ target: 0, side: 'source', severity: 'error', code: 'unreadable', path: 'geheim\u001b[31m/Ärger', message: 'it may not be read' }],
  hooks: [{ when: 'after', command: 'umount /mnt', start: START, durationMs: 5, ok: false, exitCode: 32, trouble: 'it ended with exit code 32', output: 'umount: busy\n' }],
});
const QUICK: DeliveryOptions = { waits: [1, 1], attemptMs: 5000, ca: CERTIFICATE.certificate, host: 'web1', env: {} };

describe('occasions of notices', () => {
  const runs = (...results: RunResult[]): JobRun[] => results.map((result, k) => endedRun({ result, run: k + 1, start: START + k }));
  const of = (...results: RunResult[]): Occasion[] => occasionsOf(runs(...results).at(-1) as JobRun, runs(...results).slice(0, -1));

  it('are the failure, the success, and the first success after failures', () => {
    assert.deepEqual(of('failed'), ['failure']);
    assert.deepEqual(of('success', 'partial'), ['failure']);
    assert.deepEqual(of('success'), ['success']);
    assert.deepEqual(of('failed', 'success', 'success'), ['success']);
    assert.deepEqual(of('success', 'partial', 'success'), ['success', 'recovery']);
    assert.deepEqual(of('interrupted', 'success'), ['success', 'recovery']);
    assert.deepEqual(of('failed', 'skipped', 'cancelled', 'stopped', 'success'), ['success', 'recovery'], 'what says nothing about the job is passed over');
    for (const result of ['skipped', 'cancelled', 'stopped', 'running'] as const) assert.deepEqual(of('failed', result), []);
    assert.equal(failingSince(runs('failed', 'success', 'failed', 'skipped', 'interrupted'))?.run, 3);
    assert.deepEqual(runs('success', 'partial', 'failed', 'interrupted', 'stopped', 'skipped').map(pingOf), ['success', 'fail', 'fail', 'fail', undefined, undefined]);
  });
});

describe('mails', () => {
  const temp = useTempFolder('notices');
  let box: MailBox | undefined;
  afterEach(async () => { await box?.close(); box = undefined; });
  const mail = (server: Partial<MailNotice['server']> = {}, more: Partial<MailNotice> = {}): MailNotice => ({ kind: 'mail', on: ['failure'], to: ['admin@example.org', 'Ops Ä <ops@example.org>'], from: 'twintree <twintree@web1.example.org>', server: { host: 'localhost', port: box?.port ?? 0, tls: 'none', ...server }, ...more });
  const decoded = (text: string): string => text.replace(/=\r?\n/g, '').replace(/((?:=[0-9A-F]{2})+)/g, (code: string) => Buffer.from(code.replaceAll('=', ''), 'hex').toString('utf8'));

  it('say what went wrong, to all, as a machine\'s mail, without control characters', async () => {
    box = await mailServer();
    const [notice] = await sendNotices([mail(), mail({}, { on: ['success'] })], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([notice?.ok, notice?.attempts, notice?.trouble, notice?.about, notice?.to], [true, 1, null, 'failure', 'admin@example.org, Ops Ä <ops@example.org>']);
    assert.equal(box.mails.length, 1);
    const [{ from, to, text, secure }] = box.mails as [MailBox['mails'][number]];
    assert.deepEqual([from, to, secure], ['twintree@web1.example.org', ['admin@example.org', 'ops@example.org'], false]);
    const body = decoded(text);
    for (const header of [/^Auto-Submitted: auto-generated/m, /^Message-ID: <[0-9a-f-]{36}@web1\.example\.org>/m, /^Subject: =\?UTF-8\?Q\?=5Btwintree=5D_nightly_/m]) assert.match(text, header);
    for (const part of [/job nightly "ü" could not do everything \(exit code 23\); 2 problems/, /geheim\\u001b\[31m\/Ärger: it may not be read \(unreadable\)/, /The after hook failed: umount \/mnt: it ended with exit code 32/, /\| umount: busy/]) assert.match(body, part);
    assert.ok(!body.includes('\u001b'));
  });

  it('go over STARTTLS and TLS, with a password that stands in a file of one\'s own or in the environment', async () => {
    box = await mailServer({ authOptional: false, onAuth: ({ username, password }, _session, done) => { if (username === 'me' && password === 'pass word') done(null, { user: 'me' }); else done(new Error('no')); } });
    writeFileSync(temp.at('password'), 'pass word\r\n# of the mail server\n', { mode: 0o600 });
    const [good] = await sendNotices([mail({ tls: 'starttls', user: 'me', password: { kind: 'file', path: temp.at('password') } })], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([good?.ok, good?.trouble], [true, null]);
    assert.deepEqual([box.mails[0]?.secure, box.mails[0]?.user], [true, 'me']);
    const [wrong] = await sendNotices([mail({ tls: 'starttls', user: 'me', password: { kind: 'env', name: 'PW' } })], ['failure'], { run: FAILED }, { ...QUICK, env: { PW: 'wrong-secret' } });
    assert.deepEqual([wrong?.ok, wrong?.attempts, wrong?.trouble], [false, 1, 'the mail server does not take the user and password (535)']);
    chmodSync(temp.at('password'), 0o644);
    const [open] = await sendNotices([mail({ tls: 'starttls', user: 'me', password: { kind: 'file', path: temp.at('password') } })], ['failure'], { run: FAILED }, QUICK);
    assert.match(open?.trouble ?? '', /password: holds a secret and others can read or write it$/);
    writeFileSync(temp.at('empty'), '\n', { mode: 0o600 });
    const [empty] = await sendNotices([mail({ tls: 'starttls', user: 'me', password: { kind: 'file', path: temp.at('empty') } })], ['failure'], { run: FAILED }, QUICK);
    assert.match(empty?.trouble ?? '', /its first line is to be a secret and is empty$/);
    const [none] = await sendNotices([mail({ tls: 'starttls', user: 'me', password: { kind: 'env', name: 'PW' } })], ['failure'], { run: FAILED }, QUICK);
    assert.equal(none?.trouble, 'the environment has no PW, which the secret is to be in');
    await box.close();
    box = await mailServer({ secure: true });
    const [whole] = await sendNotices([mail({ tls: 'tls' })], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([whole?.ok, box.mails[0]?.secure], [true, true]);
  });

  it('are not sent to a server that cannot prove who it is, nor without TLS where that was asked for', async () => {
    box = await mailServer({ authOptional: true });
    const { ca: _ca, ...untrusting } = QUICK;
    const [stranger] = await sendNotices([mail({ tls: 'starttls' })], ['failure'], { run: FAILED }, untrusting);
    assert.deepEqual([stranger?.ok, box.mails.length], [false, 0]);
    assert.match(stranger?.trouble ?? '', /self-signed certificate/);
    await box.close();
    box = await mailServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
    const [downgraded] = await sendNotices([mail({ tls: 'starttls' })], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([downgraded?.ok, box.mails.length], [false, 0]);
  });

  it('are tried again where that may go better, and no more where it will not', async () => {
    let tries = 0;
    const refusal = (status: number): Error => Object.assign(new Error('come again'), { responseCode: status });
    box = await mailServer({ onMailFrom: (_address, _session, done) => { done(++tries < 3 ? refusal(451) : null); } });
    const [later] = await sendNotices([mail()], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([later?.ok, later?.attempts, box.mails.length], [true, 3, 1]);
    await box.close();
    box = await mailServer({ onMailFrom: (_address, _session, done) => { done(refusal(550)); } });
    const [never] = await sendNotices([mail()], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([never?.ok, never?.attempts], [false, 1]);
    assert.match(never?.trouble ?? '', /^the mail server refused: 550 come again/);
    await box.close();
    box = await mailServer({ onRcptTo: ({ address }, _session, done) => { done(address.startsWith('ops') ? refusal(550) : null); } });
    const [half] = await sendNotices([mail()], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([half?.trouble, box.mails[0]?.to], ['the mail server refused 1 of 2 recipients; the others have it', ['admin@example.org']]);
  });

  it('give up on a server that says nothing, in bounded time, and on one that is not there', async () => {
    const sockets = new Set<net.Socket>();
    const mute = net.createServer((socket) => { sockets.add(socket); });
    await new Promise<void>((resolve) => { mute.listen(0, 'localhost', resolve); });
    const { port } = mute.address() as net.AddressInfo;
    const [silent] = await sendNotices([mail({ port })], ['failure'], { run: FAILED }, { ...QUICK, attemptMs: 50 });
    assert.deepEqual([silent?.attempts, silent?.trouble], [3, 'the mail server took longer than 0.05 s']);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => { mute.close(resolve); });
    const [gone] = await sendNotices([mail({ port })], ['failure'], { run: FAILED }, QUICK);
    assert.deepEqual([gone?.attempts, gone?.trouble], [3, 'nothing listens there']);
  });
});

describe('webhooks and dead-man\'s switches', () => {
  let web: WebServer | undefined;
  afterEach(async () => { await web?.close(); web = undefined; });
  const hook = (path = '/', headers?: Record<string, string | { kind: 'env'; name: string }>): NoticeSpec => ({ kind: 'webhook', on: ['failure', 'recovery', 'lag'], url: `${web?.url ?? ''}${path}`, ...(headers === undefined ? {} : { headers }) });

  it('post the run as JSON, with headers whose secrets are read then, and are tried again', async () => {
    web = await webServer([503, 429, 200]);
    const specs = [hook('/in/token-in-path?key=k', { Authorization: { kind: 'env', name: 'TOKEN' }, 'X-Site': 'here' })];
    const [notice] = await sendNotices(specs, ['success', 'recovery'], { run: endedRun({ run: 9, done: [someTarget()] }), failedSince: FAILED }, { ...QUICK, env: { TOKEN: 'Bearer secret-word' } });
    assert.deepEqual(notice, { kind: 'webhook', about: 'recovery', to: web.url, at: notice?.at, ok: true, attempts: 3, trouble: null });
    const [first, , last] = web.asked;
    assert.deepEqual([last?.method, last?.url, last?.headers['content-type'], last?.headers.authorization, last?.headers['x-site']], ['POST', '/in/token-in-path?key=k', 'application/json', 'Bearer secret-word', 'here']);
    assert.equal(first?.body, last?.body, 'each attempt says the same, under the same id');
    const body = JSON.parse(last?.body ?? '') as { occasion: string; host: string; failedSince: number; id: string; text: string; run: JobRun & { sums: { files: number } } };
    assert.deepEqual([body.occasion, body.host, body.failedSince, body.run.run, body.run.sums.files, body.id.length], ['recovery', 'web1', FAILED.start, 9, 10, 36]);
    assert.match(body.text, /nightly on web1: works again/);
    assert.deepEqual(secretNames(specs), ['TOKEN']);
  });

  it('over https go to who can prove who it is alone', async () => {
    web = await webServer([200], true);
    const [good] = await sendNotices([hook()], ['failure'], { run: FAILED }, QUICK);
    assert.equal(good?.ok, true);
    const { ca: _ca, ...untrusting } = QUICK;
    const [stranger] = await sendNotices([hook()], ['failure'], { run: FAILED }, untrusting);
    assert.deepEqual([stranger?.ok, stranger?.attempts, web.asked.length], [false, 1, 1]);
    assert.match(stranger?.trouble ?? '', /self-signed certificate/);
  });

  it('fail, and are only told, where the server refuses, points elsewhere, says nothing or is none', async () => {
    web = await webServer([404]);
    const other = web.url;
    const trouble = async (spec: NoticeSpec, more: Partial<DeliveryOptions> = {}): Promise<[string | null | undefined, number | undefined]> => {
      const [notice] = await sendNotices([spec], ['failure'], { run: FAILED }, { ...QUICK, ...more });
      return [notice?.trouble, notice?.attempts];
    };
    assert.deepEqual(await trouble(hook('/secret')), ['the server answered with status 404', 1]);
    await web.close();
    web = await webServer([302], false, { Location: `${other}/stolen` });
    assert.deepEqual(await trouble(hook()), ['the server answered with status 302; where it points to is not followed', 1]);
    await web.close();
    web = await webServer([0]);
    assert.deepEqual(await trouble(hook(), { attemptMs: 50 }), ['no answer in 0.05 s', 3]);
    const gone = hook();
    await web.close();
    web = undefined;
    assert.deepEqual(await trouble(gone), ['nothing listens there', 3]);
    assert.deepEqual(await trouble({ kind: 'webhook', on: ['failure'], url: 'ftp://x/' }), ['ftp: is not http or https', 1]);
    assert.deepEqual(await trouble({ kind: 'webhook', on: ['failure'], url: 'no url' }), ['the address is no URL', 1]);
    const [bad] = await trouble({ ...hook(), url: 'http://localhost:1/', headers: { 'X-Bad': 'line\nbreak' } } as NoticeSpec);
    assert.match(bad ?? '', /Invalid character in header content/);
  });

  it('ping each moment at its own address, and keep of it no more than the host', async () => {
    web = await webServer();
    const pings: NoticeSpec[] = [{ kind: 'ping', url: `${web.url}/uuid-secret`, startUrl: `${web.url}/uuid-secret/start` }, { kind: 'ping', url: `${web.url}/plain?q=1`, failUrl: `${web.url}/down` }];
    const sent = [...await sendPings(pings, 'start', QUICK), ...await sendPings(pings, 'fail', QUICK), ...await sendPings(pings, 'success', QUICK)];
    assert.deepEqual(web.asked.map(({ method, url }) => `${method} ${url}`).sort(), ['GET /down', 'GET /plain?q=1', 'GET /uuid-secret', 'GET /uuid-secret/fail', 'GET /uuid-secret/start']);
    assert.ok(sent.every(({ ok, to }) => ok && to === web?.url));
    assert.deepEqual(sent.map(({ about }) => about), ['start', 'fail', 'fail', 'success', 'success']);
  });

  it('are broken off by a signal while they wait', async () => {
    web = await webServer([0]);
    const controller = new AbortController();
    const sending = sendNotices([hook()], ['failure'], { run: FAILED }, { ...QUICK, waits: [60_000], signal: controller.signal });
    while (web.asked.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
    controller.abort();
    assert.equal((await sending)[0]?.trouble, 'it was broken off');
  });
});
