/**
 * The system's own cron runs a job, and systemd's way of supervising is kept by the agent: with Debian's cron in a mount namespace of its own, so that no crontab of this
 * machine is touched, and with a socket where systemd would listen.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { assertSameTree, describeIf, startCommand, startTwintree, twintree, useTempFolder, type Running } from '../support/index.js';

function whyNoCron(): string | undefined {
  if (userInfo().uid !== 0) return 'needs root';
  if (spawnSync('sh', ['-c', 'command -v cron']).status !== 0) return 'needs cron';
  return spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'needs mount namespaces';
}

describeIf('a job that the system\'s cron runs', whyNoCron(), () => {
  const temp = useTempFolder('cron');
  let cron: Running | undefined;
  afterEach(async () => { await cron?.kill('SIGKILL'); });

  it('is written as its line, runs in its minute, and is silent', async () => {
    const config = temp.at('twintree.yaml');
    mkdirSync(temp.at('s'));
    writeFileSync(temp.at('s/file'), 'by cron');
    writeFileSync(config, JSON.stringify({ jobs: { minutely: { source: `${temp.at('s')}/`, targets: temp.at('t'), schedule: '* * * * *' } } }), { mode: 0o600 });
    const env = { TWINTREE_STATE_DIR: temp.at('state') };
    const installed = twintree(['job', 'install', '--cron', `--config=${config}`, `--into=${temp.at('cron.d')}`], { env });
    assert.equal(installed.code, 0, installed.stderr);
    // What the job prints would be mail; without a mailer cron logs it.
    writeFileSync(temp.at('cron.d/twintree'), readFileSync(temp.at('cron.d/twintree'), 'utf8').replace(/^(\*.*)$/m, `$1 > ${temp.at('said')} 2>&1`));
    const script = 'mount -t tmpfs tmpfs /run && mount --bind "$1" /etc/cron.d && mkdir -p /var/spool/cron/crontabs && mount -t tmpfs tmpfs /var/spool/cron/crontabs && : > /etc/cron.d/.placed && exec cron -f -L 15';
    cron = startCommand('unshare', ['-m', 'sh', '-c', script, 'sh', temp.at('cron.d')]);
    while (!existsSync(temp.at('t/file'))) {
      assert.equal(cron.child.exitCode, null, cron.printed);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    let run: { cause?: string; result?: string } = {};
    while (run.result !== 'success') run = JSON.parse(twintree(['job', 'history', 'minutely', '--json', '--count=1'], { env }).stdout.split('\n')[0] || '{}') as typeof run;
    assert.equal(run.cause, 'schedule');
    assertSameTree(temp.at('s'), temp.at('t'));
    assert.equal(readFileSync(temp.at('said'), 'utf8'), '');
    assert.deepEqual(twintree(['job', 'install', '--cron', '--remove', `--config=${config}`, `--into=${temp.at('cron.d')}`], { env }).code, 0);
    assert.ok(!existsSync(temp.at('cron.d/twintree')));
  });
});

describe('the agent under a supervisor', () => {
  const temp = useTempFolder('supervised');
  let agent: Running | undefined;
  let supervisor: Running | undefined;
  afterEach(async () => { for (const each of [agent, supervisor]) await each?.kill('SIGKILL'); });

  it('says when it is ready, that it is alive, that it reads anew, and that it ends', async function () {
    if (process.platform !== 'linux') this.skip();
    const socket = temp.at('notify');
    const taker = 'import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nprint("listening", flush=True)\nwhile True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)\n';
    supervisor = startCommand('python3', ['-c', taker, socket]);
    assert.ok(await supervisor.output(/listening/));
    writeFileSync(temp.at('twintree.yaml'), 'jobs: {}\n', { mode: 0o600 });
    agent = startTwintree(['agent', `--config=${temp.at('twintree.yaml')}`], { env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000', TWINTREE_STATE_DIR: temp.at('state') } });
    assert.ok(await supervisor.output(/READY=1 STATUS=0 jobs, 0 at work[^]*WATCHDOG=1/));
    agent.child.kill('SIGHUP');
    assert.ok(await supervisor.output(/RELOADING=1 MONOTONIC_USEC=\d+\nREADY=1/));
    agent.child.kill('SIGTERM');
    assert.ok(await supervisor.output(/STOPPING=1/));
    assert.equal((await agent.finished).code, 0);
  });
});
