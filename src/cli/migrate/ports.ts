/** What a conductor works with, made of the program's own parts: mirrors, sessions, evidence, clones, the way back. */
import { type Direction, type Following, type MigrationDefinition, type MigrationFact, type MigrationPorts, dropClone, makeClone, type SessionResult, There } from '../../migrate/index.js';
import { openAtHost, readLines } from '../../transport/index.js';
import { fromText, TwintreeError, type ByteString, type ErrorCode } from '../../tree/index.js';
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

/** What holds of passes and mirrors that write to the old tree, where nobody said otherwise: a new side that has lost half of it is looked at by a person first. */
const BACK_LIMIT = '--delete-limit=50%';
const CLONE_MS = 60_000;

/** @param folder the migration's. */
export function portsOf(definition: MigrationDefinition, folder: ByteString): MigrationPorts {
  const trees = treesOf(definition);
  const { atTarget, hostName, source, target } = trees;
  const env = {
    TWINTREE_MIGRATION: definition.name, TWINTREE_SOURCE: definition.source, TWINTREE_TARGET: Buffer.from(target, 'latin1').toString('utf8'), TWINTREE_HOST: hostName ?? '',
  };
  const { prove, digestAhead } = prover(definition, trees, folder);
  return {
    ways: { there: atTarget === undefined ? undefined : new There(atTarget), env },
    targetHost: atTarget,
    forward: (told) => new MirrorFollowing(mirrorRequest(trees.parsed), told, 'full'),
    back: (told) => back(definition, trees, told),
    session: (direction, how) => session(trees, direction, how),
    prove, digestAhead,
    makeClone: async (signal) => text(atTarget === undefined ? await makeClone(target, copyTree, signal) : await askForClone(trees, 'make', target, signal)),
    dropClone: async (path) => {
      if (atTarget === undefined) await dropClone(fromText(path));
      else await askForClone(trees, 'drop', fromText(path), new AbortController().signal);
    },
    writers: () => writersBelow(source),
    forecast: foretell(definition),
  };
}

/** Words of a mirror from the new side to the old one. */
function backWords(definition: MigrationDefinition): string[] {
  const { words } = definition;
  return words.some((word) => /^--(?:no-)?(?:delete-limit|max-delete)\b/.test(word)) ? [...words] : [...words, BACK_LIMIT];
}

function back(definition: MigrationDefinition, trees: MigrationTrees, told: (fact: MigrationFact) => void): Following {
  const { atTarget, source, target, run } = trees;
  const from = `${target === '/' ? '' : target}/` as ByteString;
  const words = backWords(definition).filter((word) => !/^--(?:rsh|rsync-path|remote-path|port|bwlimit|remote-cache|no-bootstrap|contimeout)\b/.test(word)).map(fromText);
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
  const options = isBack && run.options.delete.limit === undefined && run.options.delete.maxDelete === undefined ? { ...run.options, delete: { ...run.options.delete, limit: { percent: 50 } } } : run.options;
  const begun = performance.now();
  const result = (more: Partial<SessionResult>): SessionResult => ({ ok: false, ms: Math.round(performance.now() - begun), entries: 0, files: 0, bytes: 0, sent: 0, message: '', ...more });
  try {
    const outcome = await sessionRun({ ...run, direction: host === undefined ? 'local' : isBack ? 'pull' : 'push' })({ sources: [from], target: to, options }, {}, signal);
    const { files, dirs, links, devices, specials } = outcome.totals.entries;
    const first = outcome.problems.find(({ severity }) => severity !== 'warning');
    const ok = outcome.exitCode === 0 || (outcome.exitCode === 24 && other !== undefined); // a source in use may lose a file meanwhile
    return result({
      ok, entries: files + dirs + links + devices + specials, files: outcome.transferredFiles, bytes: outcome.transferredBytes, sent: outcome.literalBytes,
      message: ok ? '' : first === undefined ? `it ended with exit code ${outcome.exitCode}` : `${text(first.path)}: ${first.message}${outcome.problemCount > 1 ? `, and ${outcome.problemCount - 1} more` : ''}`,
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

function text(path: ByteString): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}
