/** The plan of a migration, on trees that hold what gets lost, for targets that lose it: vfat, and a user without rights at the other end of a remote shell. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { earlierSurvey, planDocument, planJson, planMarkdown, surveySource, type LossClass, type MigrationPlan } from '../../src/migrate/survey/index.js';
import { runSync, type LostAttributes } from '../../src/session/index.js';
import { fromText } from '../../src/tree/index.js';
import { char, describeIf, dir, fifo, file, makeTree, PLAIN_UID, sparse, symlink, time, twintree, useTempFolder, utf8, wellFormed, whyNoOtherUser } from '../support/index.js';
import { REMOTE_PATH, remoteShell } from '../e2e/remote-support.js';
import { mountLossy, mountRamfs, whyNoLossyMount, type LossyMount } from './lossy-mount.js';
import { hookOf, runOf, subjectOf } from './plan-support.js';

const OLD = time(1_500_000_000, 123_456_789);
const HOSTILE = 'a`b|<script>\n\x1b[31m';

function someTree(root: string): void {
  const twice = file('one inode', { mtime: OLD });
  makeTree(root, {
    'acl': file('x', { acl: 'u:1000:rw-', mtime: OLD }),
    'attributes': file('x', { xattrs: { 'user.colour': 'red', 'trusted.mark': 'y' }, mtime: OLD }),
    'capable': file('x', { mode: 0o755, xattrs: { 'security.capability': '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0' }, mtime: OLD }),
    'set-id': file('x', { mode: 0o4755, mtime: OLD }),
    'theirs': file('x', { uid: 54_321, gid: 54_321, mtime: OLD }),
    'first': twice, 'folder': dir({ second: twice, 'LICENSE': 'a', 'License': 'b' }), 'outside': file('o', { mtime: OLD }),
    'holes': sparse(8 << 20, [[0, 'data'], [4 << 20, { size: 5000, seed: 1 }]], { mtime: OLD }),
    'fifo': fifo(), 'null': char(1, 3), 'link': symlink('acl'), 'left.out': 'not copied', 'latin-\xe9': 'x', [HOSTILE]: 'x', [utf8('größe')]: 'x',
  });
}

function lossOf(plan: MigrationPlan, kind: string): LossClass | undefined {
  return plan.losses.find((loss) => loss.kind === kind);
}
function pathsOf(plan: MigrationPlan, kind: string): string[] {
  return (lossOf(plan, kind)?.paths ?? []).map(({ path, what }) => `${path}: ${what}`).toSorted();
}

describeIf('the plan of a migration', process.getuid?.() === 0 ? undefined : 'needs root', () => {
  const tmp = useTempFolder('plan');
  beforeEach(() => {
    someTree(tmp.at('src'));
    linkSync(tmp.at('src', 'outside'), tmp.at('elsewhere'));
  });
  const src = (): string => `${tmp.at('src')}/`;

  it('surveys the source as the session would copy it', async () => {
    execFileSync('chattr', ['+i', tmp.at('src', 'acl')]);
    try {
      const seen: number[] = [];
      const { survey, shared } = await surveySource({ source: fromText(src()), options: runOf('-aHAXS', '--exclude=*.out', src()).options, progress: (entries) => { seen.push(entries); } });
      const { found, entries } = survey;
      const of = (kind: keyof typeof found): string[] => found[kind].paths.map(({ path, what }) => `${path}: ${what}`).toSorted();
      assert.deepEqual(entries, { files: 14, dirs: 2, links: 1, devices: 1, specials: 1 });
      assert.deepEqual(of('acls'), ['acl: access list']);
      assert.deepEqual([of('user-xattrs'), of('trusted-xattrs'), of('capabilities')], [['attributes: user.colour'], ['attributes: trusted.mark'], ['capable: security.capability']]);
      assert.deepEqual([of('set-id'), of('immutable'), of('unnamed-owners')], [['set-id: mode 4755'], ['acl: immutable (chattr +i)'], ['theirs: uid 54321']]);
      assert.deepEqual([of('devices'), of('fifos'), of('sparse').length], [['null: character device 1:3'], ['fifo: FIFO'], 1]);
      assert.deepEqual([found['not-utf8'].paths[0]?.path, found['control-characters'].count, of('twins')], ['latin-\\#351', 1, ['folder/License: differs from LICENSE only in capitals or forms of Unicode']]);
      assert.deepEqual([survey.hardLinks, of('links-outside'), shared.size], [{ groups: 2, names: 3, saved: 9, partial: false }, ['outside: 1 of 2 names are elsewhere'], 1]);
      assert.ok(survey.sparse.allocated < 1 << 20 && survey.sparse.apparent === 8 << 20);
      assert.deepEqual([survey.largest[0]?.path, survey.largest[0]?.bytes, survey.written.hour.files], ['holes', 8 << 20, 5]);
      assert.equal(survey.bytes.apparent, survey.sizes.reduce((sum, { bytes }) => sum + bytes, 0));
      assert.equal(survey.nanoseconds >= 8, true);
    } finally {
      execFileSync('chattr', ['-i', tmp.at('src', 'acl')]);
    }
    await assert.rejects(surveySource({ source: fromText(`${tmp.at('no')}/`), options: runOf('-a', src()).options }), /SOURCE_MISSING|cannot be opened/);
    const stopped = new AbortController();
    stopped.abort();
    await assert.rejects(planDocument({ subject: subjectOf(), run: runOf('-a', src(), tmp.at('dst')), signal: stopped.signal }), (error: { code?: string }) => error.code === 'ABORTED');
  });

  it('takes what has gone since it was listed for no part of a source that is in use', async () => {
    mkdirSync(`${src()}many`, { recursive: true });
    for (let k = 0; k < 6000; k++) writeFileSync(`${src()}many/${k}`, '');
    mkdirSync(`${src()}zone`);
    let told = 0;
    const { survey } = await surveySource({ source: fromText(src()), options: runOf('-aHAX', src()).options, progress: () => { if (told++ === 0) rmSync(`${src()}zone`, { recursive: true }); } });
    assert.ok(told > 0);
    assert.equal(survey.found.unreadable.count, 0);
  });

  it('tells growth from an earlier plan', async () => {
    const request = { subject: subjectOf(), run: runOf('-a', src(), tmp.at('dst')), measureMs: 0 };
    const first = await planDocument({ ...request, now: 1_000_000 });
    writeFileSync(tmp.at('src', 'more'), Buffer.alloc(5000));
    const later = await planDocument({ ...request, now: 1_000_000 + 43_200_000, earlier: earlierSurvey(planJson(first)) });
    assert.deepEqual(later.survey.growth, { since: 1_000_000, ms: 43_200_000, files: 1, bytes: 5000, bytesPerDay: 10_000 });
    for (const no of ['', '{}', '[]', '{"format":"twintree-migration-plan","survey":{"format":"twintree-survey","version":2}}', JSON.stringify({ ...first.survey, at: -1 })]) assert.equal(earlierSurvey(no), undefined);
  });

  describeIf('for a target of another kind of system', whyNoLossyMount(), () => {
    let lossy: LossyMount;
    before(() => { lossy = mountLossy(); });
    after(() => { lossy.unmount(); });

    it('lists what is lost, path by path, and what the options forget', async () => {
      const writer = spawn('sh', ['-c', 'exec 3>>"$1"; echo ready; read line', 'sh', tmp.at('src', 'first')], { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(writer.stdout, 'data');
      let plan: MigrationPlan;
      try {
        plan = await planDocument({ subject: subjectOf({ freeze: { prepare: [], hooks: [], thaw: [], limitMs: 1, quietMs: 1 } }), run: runOf('-aH', '--exclude=*.out', src(), lossy.at('dst')), measureMs: 20 });
      } finally {
        writer.stdin.end();
        await once(writer, 'exit');
      }
      assert.deepEqual(pathsOf(plan, 'owners'), ['theirs: uid 54321 gid 54321']);
      assert.deepEqual(pathsOf(plan, 'permissions'), ['set-id: mode 4755']);
      assert.deepEqual([pathsOf(plan, 'symlinks'), lossOf(plan, 'symlinks')?.cause, lossOf(plan, 'symlinks')?.count], [['link: symlink'], 'left', 1]);
      assert.deepEqual([...pathsOf(plan, 'special-files'), ...pathsOf(plan, 'devices')], ['fifo: FIFO', 'null: character device 1:3']);
      assert.deepEqual(pathsOf(plan, 'name-twins').length, 1);
      assert.deepEqual(lossy.kind === 'vfat' ? pathsOf(plan, 'names-characters').map((each) => each.slice(0, 4)) : pathsOf(plan, 'names-utf8'), lossy.kind === 'vfat' ? ['a`b|'] : ['latin-\\#351: its name is not UTF-8']);
      assert.deepEqual([lossOf(plan, 'hard-links')?.count, lossOf(plan, 'time-digits')?.cause], [3, 'lost']);
      assert.deepEqual([pathsOf(plan, 'acls-unasked'), pathsOf(plan, 'capabilities-unasked'), lossOf(plan, 'sparse-unasked')?.count], [['acl: access list'], ['capable: security.capability'], 1]);
      assert.equal(lossOf(plan, 'symlinks')?.mend, 'use a file system with symlinks, or say --copy-links or --no-l');
      assert.deepEqual([plan.openFiles.writers, plan.openFiles.files[0]?.path, plan.openFiles.files[0]?.how], [1, 'first', 'write']);
      assert.deepEqual([plan.targetFacts?.fileSystem, plan.host, plan.steps.length], [lossy.kind, null, 10]);
      assert.ok(plan.risks.some(({ severity, risk }) => severity === 'high' && risk.startsWith('No hook makes the source still')));
      assert.ok(plan.risks.some(({ risk }) => risk.includes('open for writing: sh (')));
      assert.ok((plan.estimates.firstCopy.ms ?? -1) >= 0 && plan.measured.readBytesPerSecond !== null);

      const text = planMarkdown(plan);
      // oxlint-disable-next-line no-control-regex -- none of them may come through
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]/);
      assert.ok(text.includes('``` a`b|<script>\\#012\\#033[31m ```') || text.includes('`` a`b|<script>\\#012\\#033[31m ``'), text);
      assert.match(text, /### Symlinks: the target does not hold them, and they are left out\n\n1 entry, not copied\. What mends it: `[^`]+`\n\n- `link`: `symlink`/);
      assert.match(text, /way back: rollback at any time/);
      assert.deepEqual(JSON.parse(planJson(plan)), plan);
    });

    it('keeps exact counts where lists are cut, and lists what is unchanged too', async () => {
      makeTree(tmp.at('many'), Object.fromEntries(Array.from({ length: 30 }, (_, k) => [`s${String(k).padStart(2, '0')}`, file('x', { mode: 0o4755, uid: 1, mtime: time(1_500_000_000) })])));
      const { sources, target, options } = runOf('-rlpgoD', '--size-only', `${tmp.at('many')}/`, lossy.at('many'));
      await runSync({ sources, target, options });
      const told: LostAttributes[] = [];
      const outcome = await runSync({ sources, target, options: { ...options, dryRun: true } }, { target: () => undefined, lostPaths: 4, lost: (lost) => { told.push(lost); } });
      assert.equal(outcome.totals.operations, 0, 'a second run has nothing to do');
      assert.deepEqual(told.map(({ kind, count, paths }) => [kind, count, paths.map(({ path }) => path).join(' ')]), [['owners', 30, 's00 s01 s02 s03'], ['permissions', 30, 's00 s01 s02 s03']]);
    });
  });

  it('is written by the command, beside the definition; forecast and report tell of what is known then', () => {
    writeFileSync(tmp.at('move.yaml'), JSON.stringify({ migration: 'files', source: src(), target: tmp.at('dst'), options: { acls: true }, switch: { hooks: [{ run: 'true' }], undo: [] } }), { mode: 0o600 });
    const env = { TWINTREE_STATE_DIR: tmp.at('state') };
    const planned = twintree(['migrate', 'plan', tmp.at('move.yaml')], { env });
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(planned.stdout, /^planned: .*\n {2}first copy about .*\n(?: {2}.*\n)* {2}high risk: No hook makes the source still/);
    const plan = JSON.parse(readFileSync(tmp.at('files-plan.json'), 'utf8')) as MigrationPlan;
    assert.deepEqual([plan.format, plan.version, plan.name, lossOf(plan, 'capabilities-unasked')?.count], ['twintree-migration-plan', 1, 'files', 1]);
    assert.match(readFileSync(tmp.at('files-plan.md'), 'utf8'), /^# Plan of the migration files\n/);
    const forecast = twintree(['migrate', 'forecast', 'files'], { env });
    assert.match(forecast.stdout, /^freeze now: .* \(nothing was measured yet: this is assumed\)\n {2}quiet .*\n {2}final .*\n {2}verify .*\n {2}switch .*\n/);
    const report = twintree(['migrate', 'report', `--output=${tmp.at('report.html')}`, 'files'], { env });
    assert.match(report.stdout, /^migration files: .*\nIt is in the state planned/);
    wellFormed(readFileSync(tmp.at('report.html'), 'utf8'));
  });

  it('lists attributes and access lists that the target does not hold', async () => {
    const ramfs = mountRamfs();
    try {
      const plan = await planDocument({ subject: subjectOf(), run: runOf('-aHAXS', '--exclude=*.out', src(), ramfs.at('dst')), measureMs: 0 });
      assert.deepEqual(pathsOf(plan, 'acls'), ['acl: system.posix_acl_access']);
      assert.deepEqual(pathsOf(plan, 'xattrs'), ['attributes: trusted.mark user.colour', 'capable: security.capability']);
      assert.deepEqual(plan.losses.filter(({ cause }) => cause !== 'never').map(({ kind }) => kind), ['acls', 'xattrs']);
      assert.deepEqual(plan.losses.filter(({ cause }) => cause === 'never').map(({ kind }) => kind), ['links-outside', 'birth-times']);
    } finally {
      ramfs.unmount();
    }
  });

  describeIf('of a target that a plain user writes on another host', whyNoOtherUser(), () => {
    it('tells over the remote shell what that user may not set, and how fast the way is', async () => {
      mkdirSync(tmp.at('dst'));
      chmodSync(tmp.at('.'), 0o755);
      chmodSync(tmp.at('dst'), 0o777);
      writeFileSync(tmp.at('src', 'large'), Buffer.alloc(3 << 20, 'some text '));
      writeFileSync(tmp.at('as-user'), `#!/bin/sh\nexec setpriv --reuid=${PLAIN_UID} --regid=${PLAIN_UID} --clear-groups ${remoteShell(tmp)} "$@"\n`, { mode: 0o755 });
      const run = runOf('-aHAXS', '-e', tmp.at('as-user'), `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap', src(), `root@box:${tmp.at('dst')}`);
      const plan = await planDocument({ subject: subjectOf({ rehearse: { on: { kind: 'folder', path: '/x' }, hooks: [hookOf('target', 'true')], undo: [] } }), run, measureMs: 3000, paths: 5 });
      assert.equal(plan.host, 'root@box');
      assert.deepEqual([lossOf(plan, 'owner')?.count, lossOf(plan, 'owner')?.paths.length], [20, 5]);
      assert.deepEqual(pathsOf(plan, 'owner')[0], './: uid 0');
      assert.deepEqual(pathsOf(plan, 'devices'), ['null: character device 1:3']);
      assert.deepEqual([pathsOf(plan, 'capabilities'), lossOf(plan, 'capabilities')?.cause, pathsOf(plan, 'trusted-xattrs')], [['capable: security.capability'], 'lost', ['attributes: trusted.mark']]);
      assert.equal(lossOf(plan, 'acls-unasked'), undefined);
      assert.ok((plan.measured.linkBytesPerSecond ?? 0) > 0 && (plan.measured.linkFilesPerSecond ?? 0) > 0, JSON.stringify(plan.measured));
      const unreachable = await planDocument({ subject: subjectOf(), run: runOf('-a', '-e', tmp.at('no-such-shell'), src(), 'box:/x'), measureMs: 20 });
      assert.deepEqual([unreachable.targetFacts, unreachable.risks.some(({ risk }) => risk.includes('could not be looked at'))], [null, true]);
      assert.match(planMarkdown(unreachable), /It could not be looked at/);
    });
  });
});
