/** `twintree status [--json] [SRC/ DST...]`: how a mirror stands at each target, or all whose state this user keeps. Changes nothing. */
import { loadOwnPosix, loadPosix } from '../../fs/index.js';
import { readAllStatus, readStatus, type FoundStatus, type MirrorStatus } from '../../mirror/index.js';
import { stateFolder } from '../../state/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { readOperands } from '../options/operands.js';
import { humanNumber } from '../report/human.js';
import { heldText, statusLine } from '../report/mirror.js';
import { localPath, mirrorPair } from './mirror-pair.js';
import { allNoSources, noSources, noSourceText } from './retired.js';
import { parseSmall } from './small-args.js';

const USAGE = `twintree status [--json] [SRC/ DST...]

Tells how far the mirror of SRC to each DST is behind; without names, of every mirror whose state this user keeps.`;
const ROWS: readonly HelpRow[] = [{ name: 'json', help: 'a line of JSON for each' }];
const MORE = 'Exit code 0: each mirror that was found is at work; 23: one is not, there is none, or a target was promoted. docs/mirror.md tells more.';

export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('status', args, ['help', 'json'], []);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  const found = find(names);
  for (const each of found) if (each !== undefined) process.stdout.write(options.has('json') ? `${JSON.stringify({ type: 'status', alive: each.alive, ...each.status })}\n` : asText(each));
  if (!options.has('json')) {
    if (found.length === 0) process.stdout.write('no mirror has run\n');
    for (const [k, each] of found.entries()) if (each === undefined) process.stdout.write(found.length === 1 ? 'no mirror of these has run\n' : `no mirror to ${displayName(names[k + 1] as ByteString)} has run\n`);
  }
  const none = names.length === 0 ? allNoSources() : noSources(names.slice(0, 1), names.slice(1));
  for (const each of none) process.stdout.write(options.has('json') ? `${JSON.stringify({ type: 'promoted', ...each })}\n` : `${noSourceText(each)}\n`);
  return found.length > 0 && none.length === 0 && found.every((each) => each?.alive === true) ? EXIT.ok : EXIT.partial;
}

/** Undefined: none has run. */
function find(names: readonly ByteString[]): (FoundStatus | undefined)[] {
  const folder = localPath(stateFolder(process.env, loadPosix().euid));
  if (names.length === 0) return readAllStatus(loadOwnPosix(), folder);
  const [source, ...targets] = names;
  if (source === undefined || targets.length === 0) throw usageError('status takes a source and its targets, or nothing', 'twintree status --help tells more.');
  return targets.map((target) => {
    const operands = readOperands([source], target);
    return readStatus(loadOwnPosix(), folder, mirrorPair(operands.sources[0] as ByteString, operands.target as ByteString, operands.direction === 'push' ? operands.host : undefined));
  });
}

function since(at: number | null): string {
  return at === null ? 'never' : new Date(at).toISOString();
}

/** What comes after a failure. */
function afterwards({ phase, failure }: MirrorStatus): string {
  if (failure?.code === 'PROMOTED') return '; held: nothing is sent any more; where the promotion is lifted, twintree resume asks again';
  if (phase === 'held') return '; held until told to go on: twintree approve';
  return typeof failure?.retryAt === 'number' ? `; next attempt ${since(failure.retryAt)}` : '';
}

function asText({ status, alive }: FoundStatus): string {
  const lines = [`${status.source} -> ${status.target}`];
  if (!alive) lines.push(`  no mirror is at work (process ${status.pid} ${status.phase === 'stopped' ? 'ended it' : 'is gone'}, last heard of ${since(status.at)})`);
  lines.push(`  ${alive ? '' : 'then: '}${statusLine(status)}`);
  lines.push(`  last success ${since(status.lastSuccess)}, last full comparison ${since(status.lastFull)}; ${status.files} files, ${status.deleted} deletions, ${status.events} events, ${status.overflows} overflows`);
  if (status.pausedSince !== null) lines.push(`  paused since ${status.pausedSince === 0 ? 'an unknown time' : since(status.pausedSince)}: twintree resume lets it go on`);
  if (status.rate !== null && status.rate > 0) lines.push(`  at most ${humanNumber(status.rate, 1)} bytes a second`);
  if (status.held !== null) lines.push(...heldText(status.held).trimEnd().split('\n').map((line) => `  ${line}`));
  if (status.failure !== null) lines.push(`  ${status.failure.message} (${status.failure.code})${afterwards(status)}`);
  if (alive && status.phase === 'source-lost') lines.push(`  nothing is done until the source is back; kill -USR2 ${status.pid} takes what stands there now for the source`);
  for (const { path, since: from, sentAt } of status.deferred.files) lines.push(`  ${path}: changes while it is read; ${sentAt === null ? `put off since ${since(from)}` : `sent as it was at ${since(sentAt)}`}`);
  const { drift } = status;
  if (drift !== null && drift.count > 0) {
    lines.push(`  ${drift.count} paths of the target had been changed by other hands at ${since(drift.at)}; ${drift.repaired ? 'repaired' : 'left'}`);
    for (const { path, what } of drift.paths) lines.push(`    ${path}: ${what}`);
  }
  for (const { path, message } of status.failing) lines.push(`  ${path}: ${message}`);
  return `${lines.join('\n')}\n`;
}
