/** The check of the import direction: each rule is broken once, and must be found with its line. */
import assert from 'node:assert';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { REPOSITORY, runCommand, useTempFolder } from '../support/index.js';

describe('scripts/check-layers', () => {
  const tmp = useTempFolder('layers');

  /** Runs the check over a project of the given files; lines it printed. */
  function check(files: Record<string, string>): { code: number | null; lines: string[] } {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(tmp.at(path)), { recursive: true });
      writeFileSync(tmp.at(path), text);
    }
    const done = runCommand(process.execPath, [join(REPOSITORY, 'scripts/check-layers.js'), tmp.path]);
    return { code: done.code, lines: done.stderr.split('\n').filter((line) => line.startsWith('src/') || line.startsWith('test/')) };
  }

  it('is content with this project', () => {
    cpSync(join(REPOSITORY, 'src'), tmp.at('src'), { recursive: true });
    cpSync(join(REPOSITORY, 'test/support'), tmp.at('test/support'), { recursive: true });
    assert.deepStrictEqual(check({}), { code: 0, lines: [] });
  });

  it('allows what the house allows', () => {
    assert.deepStrictEqual(check({
      'src/index.ts': "export { sync } from './session/index.js';",
      'src/session/index.ts': "import { Worker } from 'node:worker_threads';\nimport { a } from '../tree/index.js';\nimport { b } from './inner.js';\nnew Worker(new URL('./worker.js', import.meta.url));",
      'src/fs/native.ts': "import { readFileSync } from 'node:fs';\nimport koffi from 'koffi';",
      'src/cli/main.ts': "import process from 'node:process';\nimport yargs from 'yargs/yargs';\nconst m = await import('./commands/sync.js');",
      'src/tree/index.ts': "// import fs from 'node:fs' — only a comment\nexport const text = \"import x from 'node:fs'\";\nexport const re = /'\"import('koffi')/;\nexport * from './bytes.js';",
    }), { code: 0, lines: [] });
  });

  const broken: [string, string, string, RegExp][] = [
    ['an import of a later room', 'src/tree/index.ts', "\nimport type { P } from '../plan/index.js';", /^src\/tree\/index.ts:2: tree\/ imports plan\/, which stands after it/],
    ['an import past index.ts', 'src/plan/a.ts', "export {\n  x,\n} from '../tree/bytes.js';", /^src\/plan\/a.ts:3: .* reaches into tree\//],
    ['a dynamic import past index.ts', 'src/cli/a.ts', "const m = await import('../session/run.js');", /:1: .* reaches into session\//],
    ['an import type', 'src/tree/a.ts', "let x: import('../fs/index.js').Posix;", /tree\/ imports fs\//],
    ['the disk in a room that must not touch it', 'src/session/a.ts', "import { open } from 'node:fs/promises';", /session\/ may not import node:fs\/promises/],
    ['a process started outside fs/ and transport/', 'src/endpoint/a.ts', "import 'node:child_process';", /endpoint\/ may not import node:child_process/],
    ['a module of Node in a pure room', 'src/delta/a.ts', "import { createHash } from 'node:crypto';", /delta\/ is pure/],
    ['the clock in a pure room', 'src/plan/a.ts', 'const a = 1;\nconst now = Date.now();', /:2: plan\/ is pure; "Date.now" must be handed in/],
    ['the clock inside a template', 'src/plan/a.ts', 'const now = `${Date.now()}`;', /plan\/ is pure/],
    ['a package of another room', 'src/session/a.ts', "import koffi from 'koffi';", /package "koffi" belongs to fs\//],
    ['an unknown package', 'src/cli/a.ts', "import x from 'left-pad';", /unknown package "left-pad"/],
    ['a built-in without node:', 'src/fs/a.ts', "import fs from 'fs';", /unknown package "fs"/],
    ['a room that is not in the list', 'src/misc/index.ts', 'export {};', /misc is no room of the house/],
    ['a worker of another room', 'src/session/a.ts', "new Worker(new URL('../endpoint/worker.js', import.meta.url));", /stays in its own room/],
    ['a computed import', 'src/cli/a.ts', 'await import(name);', /must name its module/],
    ['require', 'src/fs/a.ts', "const x = require('koffi');", /modules are ES modules/],
    ['a test helper that leans on the program', 'test/support/a.ts', "import { joinPath } from '../../src/tree/index.js';", /^test\/support\/a.ts:1: .*independent/],
  ];
  for (const [title, path, text, expected] of broken) {
    it(`finds ${title}`, () => {
      const { code, lines } = check({ [path]: text });
      assert.strictEqual(code, 1);
      assert.strictEqual(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', expected);
    });
  }
});
