/** Migrations as a user conducts them: between folders of one host, and to another host, there and back again. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { checkEvidence, migrate, migrationStatus } from '../../src/index.js';
import { readJournal, standOf } from '../../src/migrate/index.js';
import { fromText } from '../../src/tree/index.js';
import { assertSameTree, makeTree, randomTree, runCommand, startTwintree, useTempFolder, type RunResult } from '../support/index.js';
import { REMOTE_PATH, remoteShell } from './remote-support.js';

for (const way of ['here', 'at another host'] as const) {
  describe(`a migration ${way}`, () => {
    const tmp = useTempFolder('migrate');
    const env = (): { TWINTREE_STATE_DIR: string } => ({ TWINTREE_STATE_DIR: tmp.at('state') });
    const own = process.env['TWINTREE_STATE_DIR'];
    beforeEach('the state of this test, also for the library', () => { process.env['TWINTREE_STATE_DIR'] = tmp.at('state'); });
    afterEach('as it was', () => { process.env['TWINTREE_STATE_DIR'] = own; });
    const s = (name = ''): string => tmp.at('s') + (name === '' ? '' : `/${name}`);
    const t = (name = ''): string => tmp.at('t') + (name === '' ? '' : `/${name}`);
    const say = async (...args: string[]): Promise<RunResult> => startTwintree(['migrate', ...args], { env: env() }).finished;
    const status = async (): Promise<Record<string, unknown>> => JSON.parse((await say('status', '--json', 'm')).stdout) as Record<string, unknown>;
    const state = (): string | undefined => standOf(readJournal(fromText(tmp.at('state/migrations/m'))).events)?.state;
    async function until<T>(look: () => T | Promise<T>, what: (found: T) => boolean): Promise<T> {
      for (;;) {
        const found = await look();
        if (what(found)) return found;
        await new Promise((resolve) => { setTimeout(resolve, 20); });
      }
    }
    const good = (done: RunResult): string => {
      assert.equal(done.code, 0, `${done.stdout}${done.stderr}`);
      return done.stdout;
    };

    it('goes there, back, and there for good, and nothing is lost on the way', async () => {
      makeTree(s(), randomTree(11, { entries: 60 }));
      mkdirSync(t());
      const side = way === 'here' ? 'source' : 'target';
      const options = way === 'here' ? '' : `, rsh: "${remoteShell(tmp)}", rsync-path: "${REMOTE_PATH}"`;
      writeFileSync(tmp.at('m.yaml'), `migration: m
source: ${s()}/
target: ${way === 'here' ? '' : 'there:'}${t()}
options: { hard-links: true, acls: true, xattrs: true${options} }
converge: { steady: 100ms }
freeze: { hooks: [ { run: "touch ${tmp.at('frozen')}" } ], thaw: [ { run: "rm -f ${tmp.at('frozen')}" } ] }
switch:
  hooks: [ { run: "test -e ${tmp.at('frozen')} && cp -p $TWINTREE_TARGET/last ${tmp.at('up')}", at: ${side} } ]
  undo: [ { run: "rm -f ${tmp.at('up')}", at: ${side} } ]
  health: { run: "test -e ${tmp.at('up')}" }
rehearse: { on: "${tmp.at('copy')}", hooks: [ { run: "test $TWINTREE_REHEARSAL$TWINTREE_TARGET = 1${tmp.at('copy')} && ls $TWINTREE_TARGET", at: ${side} } ] }
`);
      if (way === 'at another host') { // the first copy travels as an archive
        const seed = async (...args: string[]): Promise<void> => { good(await startTwintree(['seed', ...args], { env: env() }).finished); };
        await seed('export', '-z', `${s()}/`, tmp.at('seed.tar.gz'));
        await seed('import', tmp.at('seed.tar.gz'), `${t()}/`);
      }
      assert.match(good(await say('plan', tmp.at('m.yaml'))), /planned: /);
      assert.equal((await status())['state'], 'planned');
      const conductor = startTwintree(['migrate', 'start', 'm'], { env: env() });
      await until(state, (found) => found === 'live');
      assertSameTree(s(), t());
      const first = readJournal(fromText(tmp.at('state/migrations/m'))).events.find(({ event }) => event === 'session');
      assert.ok(first?.event === 'session');
      assert.equal(first.files > 0, way === 'here', 'what came by the archive is not sent again');
      assert.match(good(await say('rehearse', tmp.at('m.yaml'))), /rehearse done: the rehearsal went well/);
      assertSameTree(s(), tmp.at('copy'));
      assert.ok(!existsSync(tmp.at('up')) && !existsSync(tmp.at('frozen')));

      writeFileSync(s('last'), 'written just before');
      assert.match((await startTwintree(['migrate', 'cutover', 'm'], { env: env() }).finished).stderr, /there is no terminal/, 'nobody cuts over without having said so');
      const told = good(await say('cutover', '--yes', 'm'));
      assert.match(told, /downtime: .*freeze .*quiet .*final .*verify .*switch .*health/);
      assert.equal(readFileSync(tmp.at('up'), 'utf8'), 'written just before', 'the switch hook saw the last change');
      assert.ok(existsSync(tmp.at('frozen')), 'the old side stays out of use');
      assertSameTree(s(), t());
      const proof = readJournal(fromText(tmp.at('state/migrations/m'))).events.findLast(({ event }) => event === 'evidence');
      assert.ok(proof?.event === 'evidence' && proof.ok);
      const evidence = await checkEvidence({ evidence: proof.file, fingerprint: proof.key, tree: t() });
      assert.deepEqual([evidence.differences, evidence.evidence.statement.result, evidence.evidence.root], [0, 'equal', proof.root]);

      writeFileSync(t('on the new side'), 'new');
      await until(() => existsSync(s('on the new side')), (found) => found); // the old side follows
      runCommand('sh', ['-c', 'rm -rf -- "$0"/*', t()]); // a small tree may lose nearly all: a database that was stopped takes its log with it
      writeFileSync(t('last'), 'just before the way back');
      const heard: string[] = [];
      assert.ok(await migrate('rollback', { name: 'm', listener: ({ event }) => { heard.push(event); } }), 'as the library has it');
      assert.ok(heard.includes('thawed') && heard.at(-1) === 'operation');
      assert.ok(!existsSync(tmp.at('up')) && !existsSync(tmp.at('frozen')));
      assert.equal(readFileSync(s('last'), 'utf8'), 'just before the way back');
      assertSameTree(s(), t());
      assert.equal((await conductor.finished).code, 0, 'it is at rest');

      await assert.rejects(migrate('finish', { name: 'no' }), /there is no migration/);
      good(await say('start', '--detach', 'm'));
      const { state: now, live } = await migrationStatus(tmp.at('m.yaml'));
      assert.ok(['seeding', 'live'].includes(now) && live !== undefined);
      good(await say('cutover', '--yes', 'm'));
      writeFileSync(t('in the end'), 'x');
      await until(() => existsSync(s('in the end')), (found) => found);
      good(await say('finish', '--yes', 'm'));
      const last = await until(status, ({ conductor: at }) => at === false);
      assert.equal(last['state'], 'finished');
      assert.doesNotMatch(good(await say('status', 'm')), /finished, finished|goes on/);
      for (const each of readJournal(fromText(tmp.at('state/migrations/m'))).events) { // of the first cutover, the way back and the second one
        if (each.event === 'evidence') assert.equal((await checkEvidence({ evidence: each.file, fingerprint: each.key })).evidence.root, each.root, each.file);
      }
      assert.equal((await say('rollback', '--yes', 'm')).code, 1, 'there is no way back any more');
      assert.deepEqual(readdirSync(tmp.path).filter((name) => name.startsWith('.twintree')), []);
    });
  });
}
