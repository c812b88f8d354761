/** --backup-keep and --backup-max in a session: by the day, on the host of the target, and left alone by --delete. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { useTempFolder } from '../support/index.js';
import { RunningMirror } from './mirror-support.js';
import { remoteShell, syncBy, syncHere, type Way } from './remote-support.js';

const today = (): string => new Date().toISOString().slice(0, 10);

describe('backups with retention', () => {
  const temp = useTempFolder('backup-keep');
  const s = (name: string): string => temp.at(`s/${name}`);
  const t = (name: string): string => temp.at(`t/${name}`);
  let running: RunningMirror | undefined;
  afterEach(async () => { await running?.stop().catch(() => undefined); });

  beforeEach(() => {
    mkdirSync(s('d'), { recursive: true });
    mkdirSync(t('d'), { recursive: true });
    mkdirSync(t('.trash/2020-01-01/d'), { recursive: true });
    mkdirSync(t('.trash/mine'));
    writeFileSync(t('.trash/2020-01-01/d/old'), 'x');
    writeFileSync(s('d/f'), 'new content');
    writeFileSync(t('d/f'), 'old');
    writeFileSync(t('gone'), 'was there');
  });

  for (const way of ['local', 'push'] satisfies Way[]) {
    it(`keep what went today, and remove what is too old (${way})`, () => {
      const before = today();
      const ran = syncBy(way, remoteShell(temp), ['-a', '--delete', '--backup-dir=.trash', '--backup-keep=30d'], `${temp.at('s')}/`, temp.at('t'));
      assert.equal(ran.code, 0, ran.stderr);
      const days = readdirSync(t('.trash')).filter((name) => name !== 'mine');
      assert.ok(days.length === 1 && (days[0] as string) >= before && (days[0] as string) <= today(), days.join());
      assert.deepEqual([readFileSync(t(`.trash/${days[0]}/d/f`), 'utf8'), readFileSync(t(`.trash/${days[0]}/gone`), 'utf8')], ['old', 'was there']);
      assert.match(ran.stdout + ran.stderr, /backups of 2020-01-01 were removed/);
      assert.ok(existsSync(t('.trash/mine')));
    });
  }

  it('are made by a mirror too', async () => {
    const mirror = (running = new RunningMirror(['--delete', '--backup-dir=.trash', '--backup-max=1K', `${temp.at('s')}/`, temp.at('t')]));
    await mirror.copied();
    assert.ok(existsSync(t('.trash/2020-01-01')), 'less than the limit');
    unlinkSync(s('d/f'));
    await mirror.mirror.caughtUp();
    const [last] = readdirSync(t('.trash')).filter((name) => name >= today().slice(0, 4) && name !== 'mine').slice(-1);
    assert.equal(readFileSync(t(`.trash/${last}/d/f`), 'utf8'), 'new content', 'the later version of the day');
  });

  it('need a folder of their own', async () => {
    for (const args of [['--backup-keep=30d'], ['--backup-max=1G', '-b'], ['--backup-keep=30d', '--backup-dir=.'], ['--backup-keep=30d', '--backup-dir=./']]) {
      const ran = await syncHere(['-a', ...args, `${temp.at('s')}/`, temp.at('t')]);
      assert.match(ran.stderr, /need a --backup-dir/, args.join(' '));
    }
    assert.match((await syncHere(['-a', '--backup-dir=x', '--backup-keep=30', `${temp.at('s')}/`, temp.at('t')])).stderr, /out of range/);
  });
});
