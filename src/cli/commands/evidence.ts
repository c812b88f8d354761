/** `twintree evidence make|check|compare|extract|key`: proof that two trees are equal, signed, and its checking later, without the source (docs/evidence.md). */
import { checkEvidence, compareEvidence, defaultKey, extractEvidence, keyFingerprint, makeKey, proveEqual, readKey, readPublicKey, type Place, type ProofRequest, type SigningKey } from '../../evidence/index.js';
import { openAtHost, ownProgram, parseFingerprint, type SshSpec } from '../../transport/index.js';
import { cleanPath, displayName, EMPTY, fromText, type ByteString, type RelPath } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { ConnectionOptions } from '../options/index.js';
import { EvidenceReport } from '../report/evidence.js';
import { parseEvidence, type ParsedEvidence } from './evidence-args.js';
import { localPath } from './mirror-pair.js';
import { abortBySignal, printInstead, processContext } from './shared.js';
import { atHostOf } from './to-host.js';
import { parseSmall, typed, type SmallArgs } from './small-args.js';

const USAGE = `twintree evidence make [OPTION]... SRC/ DST -o FILE
twintree evidence check [--key PUB | --fingerprint SHA256] [--folder PATH] FILE [TREE]
twintree evidence compare OLDER NEWER
twintree evidence extract FILE PATH -o FILE
twintree evidence key make FILE | key show [FILE]

make: digests both trees at once, compares them, and writes a signed manifest of the target to FILE; options are those of twintree verify. check: whether the file is
what was signed, and TREE what the file says. compare: what changed on the target between two of them. extract: one folder's part, with its proof.
key make: a new key in FILE (for its owner alone) and FILE.pub. key show: the fingerprint of a key.`;

const ROWS = [
  { name: 'output', argument: 'FILE', help: '(-o) make, extract: the file that is written' },
  { name: 'mode', argument: 'MODE', help: 'make: full (read everything, the default) or index (what the index of digests vouches for is not read)' },
  { name: 'sample', argument: 'PERCENT', help: 'make: with --mode=index, so much of it is read all the same, chosen at random (2%)' },
  { name: 'index', help: 'make: keep what is read in the index of digests, for --mode=index later' },
  { name: 'subject', argument: 'TEXT', help: 'make: a text that is signed with it' },
  { name: 'key', argument: 'FILE', help: "make: the private key that signs (the user's own, made at first use); check: the public key that must have signed" },
  { name: 'fingerprint', argument: 'SHA256', help: 'check: the fingerprint of the key that must have signed' },
  { name: 'folder', argument: 'PATH', help: 'check: only this folder of the tree' },
  { name: 'quiet', help: '(-q) only paths that are not equal' },
  { name: 'json', help: 'JSON lines on stdout instead of text' },
];
const MORE = 'Exit code 23: the trees differ, or not everything could be read. 12: the file proves nothing. docs/evidence.md tells more.';

export async function run(args: readonly ByteString[]): Promise<number> {
  const [action, ...rest] = args;
  if (action === '--help' || action === '-h') return help();
  switch (action) {
    case 'make': return make(rest);
    case 'check': return check(small('check', rest, ['quiet', 'json', 'help'], ['key', 'fingerprint', 'folder']));
    case 'compare': return compare(small('compare', rest, ['quiet', 'json', 'help'], []));
    case 'extract': return extract(small('extract', rest, ['quiet', 'json', 'help'], ['output']));
    case 'key': return key(small('key', rest, ['help'], []));
    default: throw usageError('evidence needs make, check, compare, extract or key', 'twintree evidence --help tells more.');
  }
}

async function help(): Promise<number> {
  const { smallHelp } = await import('../help.js');
  process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
  return EXIT.ok;
}

function small(action: string, args: readonly ByteString[], flags: readonly string[], values: readonly string[]): SmallArgs {
  const words = args.map((arg) => (arg === '-q' ? '--quiet' : arg === '-o' ? '--output' : arg) as ByteString);
  return parseSmall(`evidence ${action}`, words, flags, values);
}

// ---------------------------------------------------------------- make

async function make(args: readonly ByteString[]): Promise<number> {
  if (args.some((arg) => arg === '--help')) return help();
  const parsed = parseEvidence(args, processContext());
  if (parsed.kind !== 'run') return printInstead('verify', parsed);
  const { json, quiet } = parsed.run.output;
  const report = new EvidenceReport(process.stdout, json, quiet, 'make');
  return reported(report, async (signal) => {
    const proof = await proveEqual(proofRequest(parsed), {
      note: (note) => { report.note(note); },
      notice: (side, message) => { process.stderr.write(`twintree: ${side}: ${message}\n`); },
    }, signal);
    const exitCode = proof.equal ? EXIT.ok : EXIT.partial;
    report.made(proof, parsed.output, exitCode);
    return exitCode;
  });
}

/** What a command line asks to be proven. */
export function proofRequest(parsed: ParsedEvidence): ProofRequest {
  const { run: { sources, target, options, host, direction, connection }, output, mode, samplePercent, index, subject } = parsed;
  const { threads } = options;
  const place = (path: ByteString, isThere: boolean): Place => (isThere && host?.kind === 'ssh' ? thereOf(path, host, connection) : here(path));
  return {
    source: place(sources[0] as ByteString, direction === 'pull'), target: place(target, direction === 'push'), options, mode, samplePercent, index, output, key: signer(parsed.key), subject, program: ownProgram(),
    ...(threads === undefined ? {} : { threads }),
  };
}

/** A tree of this host. */
function here(path: ByteString): Place {
  return { kind: 'here', path: localPath(path) };
}

/** A tree of a host that is reached by a remote shell. */
function thereOf(path: ByteString, host: SshSpec, connection: ConnectionOptions): Place {
  const spec = atHostOf(host, connection);
  return { kind: 'there', path, open: () => openAtHost(spec, { do: 'digest' }, { connectTimeoutMs: connection.connectTimeoutMs }) };
}

function signer(file: string | undefined): SigningKey {
  if (file !== undefined) return readKey(file);
  const { key: own, file: path, isNew } = defaultKey();
  if (isNew) process.stderr.write(`twintree: a new key to sign with was made: ${displayName(fromText(path))} (${own.fingerprint})\n`);
  return own;
}

// ---------------------------------------------------------------- what was made

async function check({ options, names }: SmallArgs): Promise<number> {
  if (options.has('help')) return help();
  const [file, tree, ...more] = names;
  if (file === undefined || more.length > 0) throw usageError('evidence check takes FILE and, if it is to be compared, TREE', 'twintree evidence --help tells more.');
  const fingerprint = askedKey(options);
  const wanted = options.get('folder');
  const folder = wanted === undefined ? EMPTY : cleanPath(wanted);
  if (folder === undefined) throw usageError('--folder takes a path below the root of the tree');
  const report = reportOf('check', options);
  return reported(report, async (signal) => {
    const root = tree === undefined ? undefined : localPath(tree);
    const result = await checkEvidence({ evidence: file, fingerprint, tree: root, folder: folder as RelPath }, (difference) => { report.difference(difference); }, signal);
    const exitCode = result.differences === 0 ? EXIT.ok : EXIT.partial;
    report.checked(result, root, fingerprint !== undefined, exitCode);
    return exitCode;
  });
}

/** The fingerprint that is asked for. */
function askedKey(options: SmallArgs['options']): string | undefined {
  const [file, text] = [options.get('key'), options.get('fingerprint')];
  if (file !== undefined && text !== undefined) throw usageError('--key and --fingerprint say the same: give one of them');
  if (file !== undefined) return keyFingerprint(readPublicKey(typed(file)));
  if (text === undefined) return undefined;
  const fingerprint = parseFingerprint(typed(text));
  if (fingerprint === undefined) throw usageError('--fingerprint takes sha256: and 64 hexadecimal digits');
  return fingerprint;
}

async function compare({ options, names }: SmallArgs): Promise<number> {
  if (options.has('help')) return help();
  const [older, newer, ...more] = names;
  if (older === undefined || newer === undefined || more.length > 0) throw usageError('evidence compare takes OLDER and NEWER', 'twintree evidence --help tells more.');
  const report = reportOf('compare', options);
  return reported(report, async (signal) => {
    const found = await compareEvidence(older, newer, (difference) => { report.difference(difference); }, signal);
    const exitCode = found.differences === 0 ? EXIT.ok : EXIT.partial;
    report.compared(found.older, found.newer, found.differences, exitCode);
    return exitCode;
  });
}

async function extract({ options, names }: SmallArgs): Promise<number> {
  if (options.has('help')) return help();
  const [file, path, ...more] = names;
  const output = options.get('output');
  if (file === undefined || path === undefined || more.length > 0 || output === undefined || output === '-') throw usageError('evidence extract takes FILE, PATH and -o FILE', 'twintree evidence --help tells more.');
  const folder = cleanPath(path);
  if (folder === undefined || folder === EMPTY) throw usageError('an extract is of a folder below the root of the tree');
  const report = reportOf('extract', options);
  return reported(report, async (signal) => {
    report.extracted(await extractEvidence(file, folder, output, signal), folder, output);
    return EXIT.ok;
  });
}

async function key({ options, names }: SmallArgs): Promise<number> {
  if (options.has('help')) return help();
  const [action, file, ...more] = names;
  if (more.length > 0 || (action !== 'make' && action !== 'show')) throw usageError('evidence key takes make FILE, or show [FILE]', 'twintree evidence --help tells more.');
  if (action === 'make') {
    if (file === undefined) throw usageError('evidence key make takes FILE');
    process.stdout.write(`${makeKey(typed(file)).fingerprint}\n`);
  } else process.stdout.write(`${file === undefined ? signer(undefined).fingerprint : keyFingerprint(readPublicKey(typed(file)))}\n`);
  return EXIT.ok;
}

function reportOf(action: string, options: SmallArgs['options']): EvidenceReport {
  return new EvidenceReport(process.stdout, options.has('json'), options.has('quiet'), action);
}

async function reported(report: EvidenceReport, act: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const release = abortBySignal(controller);
  try {
    return await act(controller.signal);
  } catch (error) {
    report.fail(error);
    throw error;
  } finally {
    release();
  }
}
