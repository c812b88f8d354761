/** Definitions of migrations: what they mean, and that every mistake is told at its place. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../src/job/index.js';
import { readConfigFile } from '../../src/cli/jobs/source.js';
import { optionCatalog } from '../../src/cli/jobs/catalog.js';
import { migrationSchemaText } from '../../src/cli/jobs/schema.js';
import { loadDefinition, readDefinition, type MigrationDefinition } from '../../src/migrate/index.js';
import { REPOSITORY } from '../support/index.js';

const catalog = optionCatalog({ readFile: () => -2, env: () => undefined, now: new Date(0) });
const read = (text: string): MigrationDefinition => readDefinition(text, 'm.yaml', catalog);
const LEAST = 'migration: m\nsource: /srv/files/\ntarget: new:/srv/files\n';

/** All that is wrong, as `LINE:COLUMN message`. */
function mistakes(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ place, message }) => `${place.line}:${place.column} ${message}`);
  }
  return [];
}

describe('the definition of a migration', () => {
  it('needs a name and two trees, and says the rest by itself', () => {
    assert.deepEqual(read(LEAST), {
      name: 'm', source: '/srv/files/', target: 'new:/srv/files', words: ['--delete', '--inplace', '--no-whole-file'], reverse: true, key: undefined, final: 'dirty',
      converge: { lagMs: 2000, backlogBytes: 16 << 20, steadyMs: 5000, patienceMs: 86_400_000 }, freeze: { prepare: [], hooks: [], thaw: [], release: [], limitMs: 600_000, quietMs: 200 }, verify: { mode: 'full', sample: 1 },
      switch: { hooks: [], undo: [], health: undefined }, rehearse: { on: { kind: 'clone' }, hooks: [], undo: [] }, finish: { hooks: [] },
    });
  });

  it('means what it says', () => {
    const definition = read(`${LEAST}options: { hard-links: true }
filters: ["- *.tmp"]
converge: { lag: 5s, backlog: 1.5G, steady: 0s, patience: 2h }
freeze:
  prepare: { run: [sync], timeout: 10s }
  hooks: [ { run: [systemctl, stop, nginx] }, { run: "echo $X | tee y", at: target, timeout: 5s } ]
  thaw: { run: [systemctl, start, nginx] }
  limit: 90s
  quiet: 1s
final: full
verify: { mode: index, sample: 2% }
switch: { hooks: [ { run: up, at: target } ], undo: [ { run: down, at: target } ], health: { run: check, attempts: 3, every: 100ms } }
rehearse: { on: /tmp/copy }
reverse: false
evidence: { key: /k }
`);
    assert.deepEqual(definition.words, ['--delete', '--inplace', '--no-whole-file', '--hard-links', '--filter=- *.tmp']);
    assert.deepEqual(definition.converge, { lagMs: 5000, backlogBytes: 1.5 * 2 ** 30, steadyMs: 0, patienceMs: 7_200_000 });
    assert.deepEqual(definition.freeze, {
      prepare: [{ command: ['sync'], side: 'source', timeoutMs: 10_000 }],
      hooks: [{ command: ['systemctl', 'stop', 'nginx'], side: 'source', timeoutMs: 60_000 }, { command: ['sh', '-c', 'echo $X | tee y'], side: 'target', timeoutMs: 5000 }],
      thaw: [{ command: ['systemctl', 'start', 'nginx'], side: 'source', timeoutMs: 60_000 }], release: [], limitMs: 90_000, quietMs: 1000,
    });
    assert.deepEqual(definition.switch.health, { hook: { command: ['sh', '-c', 'check'], side: 'source', timeoutMs: 5000 }, attempts: 3, everyMs: 100 });
    assert.deepEqual([definition.final, definition.verify, definition.rehearse.on, definition.reverse, definition.key], ['full', { mode: 'index', sample: 0.02 }, { kind: 'folder', path: '/tmp/copy' }, false, '/k']);
  });

  it('is what the guide shows, and what the schema for editors says (else: npm run build && node scripts/make-job-schema.js)', () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'docs/migrate.md'), 'utf8'))?.[1] ?? '';
    const { name, switch: change, words } = read(example);
    assert.deepEqual([name, change.hooks.length, words.length], ['files', 2, 7]);
    assert.equal(readFileSync(join(REPOSITORY, 'docs/migration-schema.json'), 'utf8'), migrationSchemaText());
  });

  it('is refused with every mistake at its place', () => {
    const [name, key, ...more] = mistakes('migration: "a/b"\nsource: srv\ntarget: twintree://h/r/\nfrezee: {}\n');
    assert.equal(name, '1:13 "a/b" is no name');
    assert.match(key ?? '', /^4:1 a migration has no key "frezee".*freeze/);
    assert.deepEqual(more, []);
    assert.match(mistakes('migration: m\nsource: srv/\ntarget: /t\n').join('\n'), /^2:9 "srv\/" is no whole path$/);
    assert.match(mistakes('migration: m\nsource: /srv\ntarget: /t\n').join('\n'), /^2:9 the content of a folder moves$/);
    assert.match(mistakes('migration: m\nsource: h:/srv/\ntarget: /t\n').join('\n'), /^2:9 the source is on another host$/m);
    assert.match(mistakes('migration: m\nsource: /srv/\ntarget: twintree://h/r/\n').join('\n'), /^3:9 a target behind twintree:\/\/ has no shell/m);
    assert.match(mistakes('migration: m\nsource: /srv/\ntarget: h:srv\n').join('\n'), /^3:9 the folder on the other host is no whole path$/m);
    assert.match(mistakes(`${LEAST}options: { deleet: true }\n`).join('\n'), /^4:12 there is no option "deleet"/);
    assert.match(mistakes(`${LEAST}verify: { mode: full, sample: 2% }\n`).join('\n'), /^4:31 sample is for the mode index/);
    assert.match(mistakes(`${LEAST}converge: { lag: 5 }\n`).join('\n'), /^4:18 a time such as 15m is wanted here/);
    assert.deepEqual(mistakes(''), ['0:0 the definition is empty']);
  });

  it('is told where an example is, where there is none', () => {
    for (const found of [readConfigFile('/no.yaml'), { error: 'there is no such file', missing: true, advice: 'of jobs' }]) assert.throws(() => loadDefinition('/no.yaml', found, catalog), (error) => error instanceof ConfigError && error.problems[0]?.advice === 'docs/migrate.md has an example.');
  });

  it('has a way back for what it does, or says that there is none', () => {
    assert.match(mistakes(`${LEAST}freeze: { hooks: [ { run: x } ] }\n`).join('\n'), /^4:9 what freezes the source must be undone/);
    assert.match(mistakes(`${LEAST}switch: { hooks: [ { run: x } ] }\n`).join('\n'), /^4:9 what brings the new side into use must be undone/);
    assert.deepEqual(mistakes(`${LEAST}switch: { hooks: [ { run: x } ], undo: [] }\n`), []);
    assert.match(mistakes(`${LEAST}freeze: { hooks: [ { run: [fsfreeze, -f, /srv] } ], thaw: [] }\n`).join('\n'), /^4:9 a whole file system is frozen.*release is missing/);
    assert.deepEqual(mistakes(`${LEAST}freeze: { hooks: [ { run: [fsfreeze, -f, /srv] } ], thaw: [], release: [ { run: [fsfreeze, -u, /srv] } ] }\n`), []);
    assert.match(mistakes(`${LEAST}options: { chown: "www:www" }\n`).join('\n'), /^4:12 with chown the new tree is another one/);
    assert.deepEqual(mistakes(`${LEAST}options: { chown: "www:www" }\nreverse: false\n`), []);
  });
});
