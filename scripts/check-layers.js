/**
 * Checks the import direction of src/: `node scripts/check-layers.js [folder with src/ and test/]`.
 *
 * Promises: a room imports only rooms that stand before it, and only their index.ts; only fs/ and transport/ touch the
 * disk, the network or processes; pure rooms take nothing of Node's modules, clock or randomness; each package is used by the
 * rooms it was chosen for; test/support shares no code with src/. Type-only imports count as imports. Exit code 1 and
 * one line for each violation.
 */
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The rooms in order: a room may import those before it. `index.ts` stands for src/index.ts, the library's API. */
const ROOMS = [
  'tree', 'filter', 'hash', 'delta', 'plan', 'wire', 'fs', 'state', 'transport', 'endpoint', 'session', 'archive', 'evidence', 'mirror',
  'schedule', 'doctor', 'job', 'migrate', 'cli', 'index.ts',
];
const PURE = new Set(['tree', 'filter', 'hash', 'delta', 'plan', 'wire', 'schedule']);
const ANY_MODULE = new Set(['fs', 'transport']);

/** Node's modules that do no I/O on a tree and that any room may use which is not pure. */
const HARMLESS = new Set(['path', 'path/posix', 'url', 'util', 'events', 'os', 'crypto', 'buffer', 'perf_hooks', 'timers', 'timers/promises']);
/** Further modules of single rooms. */
const MORE = {
  state: ['module', 'zlib'], // loads its store when it is first used; checksums
  endpoint: ['worker_threads', 'zlib'], session: ['worker_threads'], archive: ['worker_threads', 'zlib'], evidence: ['worker_threads', 'stream'], mirror: ['worker_threads'],
  cli: ['process', 'stream', 'tty', 'readline', 'readline/promises', 'module'],
};
/** Modules of Node that only compute (bytes in, bytes out), and the pure rooms that need them: wire/ checks frames with crc32 and compresses them. */
const COMPUTING = { wire: ['zlib'] };
/** Packages and the rooms that may import them. */
const PACKAGES = {
  koffi: ['fs'], lmdb: ['state'], nodemailer: ['transport'], yargs: ['cli'], 'xxhash-wasm': ['hash'], 'rabin-wasm': ['delta'], chokidar: ['mirror'], 'tar-stream': ['archive'], 'age-encryption': ['archive'], yaml: ['job'],
};
/** What a pure room must be handed in: clock, randomness, process. */
const IMPURE = /(?<![.\w])(?:Date\s*\.\s*now|new\s+Date\s*\(\s*\)|Math\s*\.\s*random|performance\s*\.\s*now|process\s*\.|setTimeout\s*\(|setInterval\s*\(|crypto\s*\.)/g;

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const problems = [];

for (const file of sources(join(root, 'src'))) checkSource(file);
for (const file of sources(join(root, 'test', 'support'))) checkSupport(file);

for (const line of problems) process.stderr.write(`${line}\n`);
if (problems.length > 0) {
  process.stderr.write(`${problems.length} violation${problems.length === 1 ? '' : 's'} of the import direction (see docs/design.md)\n`);
  process.exitCode = 1;
}

/** All TypeScript files below a folder, in a stable order. */
function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sources(path);
      return /\.[cm]?ts$/.test(entry.name) ? [path] : [];
    });
}

/** Room of a path below src/: its first folder; for files beside the rooms the file's own name. */
function roomOf(path) {
  return path.split('/')[0];
}

function checkSource(file) {
  const path = relative(join(root, 'src'), file).split('\\').join('/');
  const room = roomOf(path);
  const say = (line, message) => problems.push(`src/${path}:${line}: ${message}`);
  if (!ROOMS.includes(room)) {
    say(1, `${room} is no room of the house; add it to the list in scripts/check-layers.js at its place`);
    return;
  }
  const { code, strings } = scan(readFileSync(file, 'utf8'));
  for (const { specifier, line, how } of imports(code, strings)) checkImport(path, room, specifier, how, (message) => say(line, message));
  if (PURE.has(room)) {
    for (const match of code.matchAll(IMPURE)) say(lineAt(code, match.index), `${room}/ is pure; "${match[0].replaceAll(/\s/g, '')}" must be handed in`);
  }
}

function checkImport(path, room, specifier, how, say) {
  if (specifier === undefined) return say('an import must name its module in a plain string');
  if (how === 'require') return say(`require("${specifier}"): modules are ES modules; import it`);
  if (specifier.startsWith('.')) return checkRelative(path, room, specifier, how, say);
  if (how === 'url') return undefined; // an absolute URL is data, not a module of ours
  const builtin = specifier.startsWith('node:') ? specifier.slice(5) : undefined;
  if (builtin !== undefined) {
    if (ANY_MODULE.has(room)) return undefined;
    if ((COMPUTING[room] ?? []).includes(builtin)) return undefined;
    if (PURE.has(room)) return say(`${room}/ is pure and imports nothing of Node, but imports node:${builtin}`);
    if (!HARMLESS.has(builtin) && !(MORE[room] ?? []).includes(builtin)) return say(`${room}/ may not import node:${builtin}; only fs/ and transport/ touch disks, networks and processes`);
    return undefined;
  }
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  const users = PACKAGES[name];
  if (users === undefined) return say(`unknown package "${name}" (Node's own modules are written node:${name})`);
  if (!users.includes(room)) return say(`package "${name}" belongs to ${users.join(', ')}/, not to ${room}/`);
  return undefined;
}

function checkRelative(path, room, specifier, how, say) {
  const to = posix.normalize(posix.join(posix.dirname(path), specifier));
  if (to.startsWith('..')) {
    return how === 'url' ? undefined : say(`"${specifier}" leaves src/`); // a data file that ships beside dist/ may be found by its URL
  }
  const target = roomOf(to).replace(/^index\.js$/, 'index.ts');
  if (target === room) return undefined;
  const [mine, other] = [ROOMS.indexOf(room), ROOMS.indexOf(target)];
  if (other < 0) return say(`"${specifier}" leads to ${target}, which is no room of the house`);
  if (other > mine) return say(`${room}/ imports ${target}/, which stands after it: imports point up only`);
  if (how === 'url') return say(`"${specifier}": a worker's or data file's URL stays in its own room`);
  if (to !== `${target}/index.js`) return say(`"${specifier}" reaches into ${target}/: import its index.js`);
  return undefined;
}

function checkSupport(file) {
  const path = relative(root, file).split('\\').join('/');
  const { code, strings } = scan(readFileSync(file, 'utf8'));
  for (const { specifier, line, how } of imports(code, strings)) {
    if (how !== 'url' && specifier?.startsWith('.') && !posix.normalize(posix.join(posix.dirname(path), specifier)).startsWith('test/support/')) {
      problems.push(`${path}:${line}: the tests' support is independent of the program, but imports "${specifier}"`);
    }
  }
}

/**
 * Takes comments out and strings apart, in one pass. In `code` a comment is blank and a string literal is its number in
 * `strings` between two quotes; line breaks stay where they were. Template literals count as strings, except that what is
 * inside `${}` is code; regular expressions are recognised by what stands before them.
 */
function scan(text) {
  const strings = [];
  let code = '';
  let i = 0;
  const templates = []; // depth of braces at which each open template continues
  let depth = 0;
  const template = (from) => { // reads template text from `from`, up to its end or the next ${
    let at = from;
    while (at < text.length && text[at] !== '`' && !(text[at] === '$' && text[at + 1] === '{')) at += text[at] === '\\' ? 2 : 1;
    const body = text.slice(from, at);
    const whole = text[from - 1] === '`' && text[at] === '`'; // nothing computed in it
    code += `"${strings.push(whole ? body : undefined) - 1}"${'\n'.repeat(body.split('\n').length - 1)}`;
    if (text[at] === '$') {
      templates.push(depth);
      depth++;
      code += '+(';
      return at + 2;
    }
    return at + 1;
  };
  while (i < text.length) {
    const c = text[i];
    const two = text.slice(i, i + 2);
    if (two === '//') {
      while (i < text.length && text[i] !== '\n') i++;
    } else if (two === '/*') {
      const end = text.indexOf('*/', i + 2);
      const stop = end < 0 ? text.length : end + 2;
      code += ` ${'\n'.repeat(text.slice(i, stop).split('\n').length - 1)}`;
      i = stop;
    } else if (c === "'" || c === '"') {
      let at = i + 1;
      while (at < text.length && text[at] !== c && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
      code += `"${strings.push(text.slice(i + 1, at)) - 1}"`;
      i = at + 1;
    } else if (c === '`') {
      i = template(i + 1);
    } else if (c === '/' && /(?:^|[(,=:[!&|?{};+\-*%<>~^]|=>|\b(?:return|typeof|case|in|of|void|throw))\s*$/.test(code.slice(-40))) {
      let at = i + 1;
      let inClass = false;
      while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
        if (text[at] === '\\') at++;
        else if (text[at] === '[') inClass = true;
        else if (text[at] === ']') inClass = false;
        at++;
      }
      code += ' 0 ';
      i = at + 1;
    } else if (c === '}' && templates.at(-1) === depth - 1) {
      templates.pop();
      depth--;
      code += ')+';
      i = template(i + 1);
    } else {
      if (c === '{') depth++;
      if (c === '}') depth--;
      code += c;
      i++;
    }
  }
  return { code, strings };
}

/** Every module named in scanned code, with its line. `specifier` is undefined where it is computed. */
function imports(code, strings) {
  const found = [];
  const add = (match, number, how) => found.push({ specifier: number === undefined ? undefined : strings[Number(number)], line: lineAt(code, match.index + match[0].length), how });
  for (const m of code.matchAll(/\b(?:import|export)\b[^;()="]*?\bfrom\s*"(\d+)"/g)) add(m, m[1], 'import');
  for (const m of code.matchAll(/\bimport\s*"(\d+)"/g)) add(m, m[1], 'import');
  for (const m of code.matchAll(/(?<![.\w])import\s*\(\s*(?:"(\d+)"\s*[,)])?/g)) add(m, m[1], 'import');
  for (const m of code.matchAll(/(?<![.\w])require\s*\(\s*"(\d+)"/g)) add(m, m[1], 'require');
  for (const m of code.matchAll(/\bnew\s+URL\s*\(\s*"(\d+)"\s*,\s*import\.meta\.url/g)) add(m, m[1], 'url');
  return found;
}

function lineAt(code, index) {
  return code.slice(0, index).split('\n').length;
}
