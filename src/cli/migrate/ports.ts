/** What a conductor works with, made of the program's own parts: mirrors, sessions, evidence, clones, the way back. */
import { type Direction, type Following, type MigrationDefinition, type MigrationEvent, type MigrationFact, type MigrationPorts, dropClone, makeClone, readJournal, type SessionResult, There } from '../../migrate/index.js';
import { openAtHost, readLines } from '../../transport/index.js';
import { fromText, toText, TwintreeError, type ByteString, type ErrorCode } from '../../tree/index.js';
import { copyTree } from '../at-host/clone.js';
import { mirrorRequest } from '../commands/mirror.js';
import { sessionRun } from '../commands/remote.js';
import { processContext } from '../commands/shared.js';
import { parseMirror } from '../options/index.js';
import { MirrorFollowing } from './follow.js';
import { foretell } from './forecast.js';
import { prover } from './prove.js';
import { treesOf, type MigrationTrees } from './trees.js';
import { WayBack } from './way-back.js';
import { writersBelow } from './writers.js';

/** So many entries may go from the old tree whatever its share: a database that was stopped takes its log with it, and may have been three files. */
const FEW_DELETIONS = 100;
const CLONE_MS = 60_000;

/** What the way back does not ask for where the new side has not kept it: it would be taken from the old one. */
const NOT_BACK: Readonly<Record<string, readonly string[]>> = {
  acls: ['--no-acls'], xattrs: ['--no-xattrs'], capabilities: ['--no-xattrs'], 'trusted-xattrs': ['--no-xattrs'], 'security-xattrs': ['--no-xattrs'], owners: ['--no-owner', '--no-group'], permissions: ['--no-perms'], 'hard-links': ['--no-hard-links'],
};

/** @param folder the migration's. @param lost classes of attributes that the target does not hold, by the plan. */
export function portsOf(definition: MigrationDefinition, folder: ByteString, lost: readonly string[]): MigrationPorts {
  const trees = treesOf(definition);
  const { atTarget, hostName, source, target } = trees;
  const env = {
    TWINTREE_MIGRATION: definition.name, TWINTREE_SOURCE: definition.source, TWINTREE_TARGET: toText(target), TWINTREE_HOST: hostName ?? '',
  };
  const backwards = (): string[] => backWords(definition, lost, backLimit(readJournal(folder).events));
  const treesBack = (): MigrationTrees => treesOf({ ...definition, words: backwards() });
  const { prove, digestAhead, warm } = prover(definition, trees, folder, () => treesBack().run.options);
  return {
    ways: { there: atTarget === undefined ? undefined : new There(atTarget), env, folder },
    targetHost: atTarget,
    forward: (told) => new MirrorFollowing(mirrorRequest(trees.parsed), told, 'full'),
    back: (told) => back(trees, backwards(), told),
    session: (direction, how) => session(direction === 'back' ? treesBack() : trees, direction, how),
    prove, digestAhead, warm,
    makeClone: async (signal) => toText(atTarget === undefined ? await makeClone(target, copyTree, signal) : await askForClone(trees, 'make', target, signal)),
    dropClone: async (path) => {
      if (atTarget === undefined) await dropClone(fromText(path));
      else await askForClone(trees, 'drop', fromText(path), new AbortController().signal);
    },
    writers: () => writersBelow(source),
    forecast: foretell(definition),
  };
}

/**
 * What passes and mirrors may delete from the old tree, entries, where nobody said otherwise: a new side that has lost half of what was proved to be there in the
 * cutover is looked at by a person first.
 */
export function backLimit(events: readonly MigrationEvent[]): number {
  const proof = events.findLast((event) => event.event === 'evidence');
  return Math.max(FEW_DELETIONS, Math.floor((proof?.event === 'evidence' ? proof.entries : 0) / 2));
}

/** Words of what writes from the new side to the old one. @param limit of deletions, entries. */
function backWords({ words }: MigrationDefinition, lost: readonly string[], limit: number): string[] {
  const limited = words.some((word) => /^--(?:no-)?(?:delete-limit|max-delete)\b/.test(word)) ? [] : [`--delete-limit=${limit}`];
  return [...words, ...limited, ...new Set(lost.flatMap((kind) => NOT_BACK[kind] ?? []))];
}

function back(trees: MigrationTrees, backwards: readonly string[], told: (fact: MigrationFact) => void): Following {
  const { atTarget, source, target, run } = trees;
  const from = `${target === '/' ? '' : target}/` as ByteString;
  const words = backwards.filter((word) => !/^--(?:rsh|rsync-path|remote-path|port|bwlimit|remote-cache|no-bootstrap|contimeout)\b/.test(word)).map(fromText);
  if (atTarget !== undefined) return new WayBack({ atTarget, words: [...words, '--' as ByteString, from, `back:/` as ByteString], old: source, connectTimeoutMs: run.connection.connectTimeoutMs }, told);
  const parsed = parseMirror([...words, '--' as ByteString, from, source], processContext());
  if (parsed.kind !== 'run') throw new TwintreeError('INTERNAL', 'these words make no mirror');
  const request = mirrorRequest(parsed);
  return new MirrorFollowing(request, told, 'back');
}

/** One pass over everything. */
async function session(trees: MigrationTrees, direction: Direction, { target: other, signal }: { target?: string; signal: AbortSignal }): Promise<SessionResult> {
  const { run, source, target } = trees;
  const host = run.host;
  const isBack = direction === 'back';
  const from = isBack ? `${target === '/' ? '' : target}/` as ByteString : source;
  const to = isBack ? source : other === undefined ? target : fromText(other);
  const begun = performance.now();
  const result = (more: Partial<SessionResult>): SessionResult => ({ ok: false, ms: Math.round(performance.now() - begun), entries: 0, files: 0, bytes: 0, sent: 0, message: '', ...more });
  try {
    const outcome = await sessionRun({ ...run, direction: host === undefined ? 'local' : isBack ? 'pull' : 'push' })({ sources: [from], target: to, options: run.options }, {}, signal);
    const { files, dirs, links, devices, specials } = outcome.totals.entries;
    const first = outcome.problems.find(({ severity }) => severity !== 'warning');
    const ok = outcome.exitCode === 0 || (outcome.exitCode === 24 && other !== undefined); // a source in use may lose a file meanwhile
    return result({
      ok, entries: files + dirs + links + devices + specials, files: outcome.transferredFiles, bytes: outcome.transferredBytes, sent: outcome.literalBytes,
      message: ok ? '' : first === undefined ? `it ended with exit code ${outcome.exitCode}` : `${toText(first.path)}: ${first.message}${outcome.problemCount > 1 ? `, and ${outcome.problemCount - 1} more` : ''}`,
    });
  } catch (error) {
    if (!(error instanceof TwintreeError)) throw error;
    return result({ message: error.message });
  }
}

async function askForClone({ atTarget }: MigrationTrees, action: 'make' | 'drop', path: ByteString, signal: AbortSignal): Promise<ByteString> {
  if (atTarget === undefined) throw new Error('the target is on this host');
  const connection = await openAtHost(atTarget, { do: 'clone', action, path }, { connectTimeoutMs: CLONE_MS });
  const abort = (): void => { connection.close(); };
  signal.addEventListener('abort', abort);
  try {
    for await (const line of readLines(connection.stream)) {
      if (line['type'] === 'clone' && typeof line['path'] === 'string') return line['path'] as ByteString;
      if (line['type'] === 'error') throw new TwintreeError(line['code'] === 'UNSUPPORTED' ? 'UNSUPPORTED' : ('IO' satisfies ErrorCode), String(line['message']), typeof line['advice'] === 'string' ? { advice: line['advice'] } : {});
    }
    signal.throwIfAborted();
    throw new TwintreeError('CONNECTION_LOST', "the target's host did not say what became of the clone");
  } finally {
    signal.removeEventListener('abort', abort);
    connection.stream.end();
    void connection.ended.finally(() => { connection.close(); });
  }
}
