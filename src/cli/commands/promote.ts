/**
 * `twintree promote [OPTION]... DST`: makes a mirror's target on this host the source, when the old one is gone: tells up to which moment it is complete and what
 * is missing, fences it against every session from elsewhere, and says what to do when the old source is back.
 */
import { createInterface } from 'node:readline';
import { ownEnvironment, runProgram } from '../../fs/index.js';
import { findLeftovers, Promotable } from '../../session/index.js';
import type { StandbyNote } from '../../state/index.js';
import { displayName, TwintreeError, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { checkLocal } from '../options/operands.js';
import { parseDuration } from '../options/values.js';
import { nextSteps, promotionJson, standbyText, type PromoteFacts } from '../report/promote.js';
import { parseSmall, typed } from './small-args.js';

const USAGE = `twintree promote [OPTION]... DST

Makes DST, a folder of this host that is a mirror's target, the source: tells up to which moment it is complete, and lets no session from elsewhere write into it any more, the old source's mirror first of all. docs/promote.md tells the whole way.`;
const ROWS: readonly HelpRow[] = [
  { name: 'show', help: 'tell how DST stands, and change nothing (also --dry-run)' },
  { name: 'yes', help: 'do not ask' },
  { name: 'force', help: 'also where the mirror seems to be at work, its first copy is not complete, nothing is known of a mirror, or the fencing hook fails' },
  { name: 'fence-hook', argument: 'COMMAND', help: 'run COMMAND (sh -c) before it counts, to put the old source out of action; where it fails nothing is promoted' },
  { name: 'hook-timeout', argument: 'TIME', help: 'how long the hook may take (60s)' },
  { name: 'undo', help: 'lift the promotion of DST: sessions may write into it again' },
  { name: 'json', help: 'a line of JSON' },
];
const MORE = 'Exit code 0: promoted (or shown, or lifted); 21: the hook failed; 23: the answer was no, or nothing was to be lifted; 70: refused, see --force; 75: a session is at work on DST.';

/** Milliseconds within which a mirror that was heard of counts as at work: it tells every ten seconds. */
const ALIVE = 25_000;
const HOOK_TIMEOUT = 60_000;
const HOOK_GRACE = 5000;
const HOOK_OUTPUT = 16_384;
/** Most time for the look at what sessions have left in the tree, ms, and names that are told. */
const LOOK_MS = 10_000;
const MOST_NAMED = 20;

export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('promote', args, ['help', 'show', 'dry-run', 'yes', 'force', 'undo', 'json'], ['fence-hook', 'hook-timeout']);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  const [path] = names;
  if (path === undefined || names.length > 1) throw usageError('promote takes one folder of this host', 'twintree promote --help tells more.');
  const show = options.has('show') || options.has('dry-run');
  const hook = options.get('fence-hook');
  const timeout = options.get('hook-timeout');
  const timeoutMs = timeout === undefined ? HOOK_TIMEOUT : parseDuration('--hook-timeout', timeout, 1, 86_400_000);
  if (options.has('undo') && (show || hook !== undefined)) throw usageError('--undo goes with none of --show and --fence-hook');
  if (timeout !== undefined && hook === undefined) throw usageError('--hook-timeout is of --fence-hook');
  const target = new Promotable(checkLocal(path, 'target'));
  try {
    if (options.has('undo')) return undo(target, options.has('json'));
    return await promote(target, { show, yes: options.has('yes'), force: options.has('force'), json: options.has('json'), hook: hook === undefined ? undefined : typed(hook), timeoutMs });
  } finally {
    target.close();
  }
}

interface How { readonly show: boolean; readonly yes: boolean; readonly force: boolean; readonly json: boolean; readonly hook: string | undefined; readonly timeoutMs: number }

function undo(target: Promotable, json: boolean): number {
  const lifted = target.lift();
  if (json) process.stdout.write(`${JSON.stringify({ type: 'promotion', target: displayName(target.path), promoted: false, lifted })}\n`);
  else process.stdout.write(lifted ? `${displayName(target.path)} is promoted no more: sessions may write into it again. A mirror that is held goes on when it is told to (twintree resume).\n` : `${displayName(target.path)} was not promoted by this user\n`);
  return lifted ? EXIT.ok : EXIT.partial;
}

async function promote(target: Promotable, how: How): Promise<number> {
  const before = look(target);
  if (how.show || before.promotion !== undefined) {
    tell(before, how.json, !how.show);
    return EXIT.ok;
  }
  const free = target.lock();
  if (!how.force) refuse(before, free);
  if (!how.json) process.stdout.write(standbyText(before));
  if (!how.yes && !(await asked(target.path))) {
    process.stdout.write('nothing was done\n');
    return EXIT.partial;
  }
  if (how.hook !== undefined) await fenceHook(how.hook, how, target, before.standby);
  target.fence(Date.now());
  if (!free) await target.untilFree();
  const after = { ...look(target), leftovers: findLeftovers(target.fd, LOOK_MS, MOST_NAMED) };
  if (how.json) process.stdout.write(promotionJson(after));
  else process.stdout.write(nextSteps(after, before));
  return EXIT.ok;
}

function look(target: Promotable): PromoteFacts {
  const known = target.standby();
  const stands = target.promotion();
  return { target: target.path, standby: known?.note, standbyAbove: known?.above === true, promotion: stands?.promotion, promotionAbove: stands?.above === true, now: Date.now() };
}

function tell(facts: PromoteFacts, json: boolean, again: boolean): void {
  if (json) process.stdout.write(promotionJson(facts));
  else process.stdout.write(`${standbyText(facts)}${again ? 'nothing was done: it is promoted already\n' : ''}`);
}

/** What stands in the way unless a person says that the old source is gone. @throws TwintreeError LOCKED, REFUSED. */
function refuse({ target, standby, standbyAbove, now }: PromoteFacts, free: boolean): void {
  const force = 'Look with --show; --force promotes it all the same.';
  if (!free) throw new TwintreeError('LOCKED', 'a session is at work on it right now', { path: target, advice: 'End it at its source, where that lives. Where the source is gone, --force promotes it and ends the session.' });
  if (standby === undefined) throw new TwintreeError('REFUSED', 'no mirror has told here up to when it is complete', { path: target, advice: `Where the mirror comes in as another user, run this as that user. ${force}` });
  if (standbyAbove) throw new TwintreeError('REFUSED', `it is a part of ${displayName(standby.target)}, which is the mirror's target`, { path: target, advice: `Promote that. ${force}` });
  if (standby.phase !== 'ended' && Math.abs(now - standby.heardAt) < ALIVE) {
    throw new TwintreeError('REFUSED', `the mirror is at work: it was heard of ${((now - standby.heardAt) / 1000).toFixed(0)} s ago`, { path: target, advice: `End it at its source, so that all has arrived; where the source is gone, wait half a minute. ${force}` });
  }
  if (!standby.copied) throw new TwintreeError('REFUSED', 'its first copy is not complete', { path: target, advice: force });
}

/** Asks the person at the terminal. @throws CommandError USAGE where there is none. */
async function asked(path: ByteString): Promise<boolean> {
  if (process.stdin.isTTY !== true) throw usageError('promote asks, and there is no terminal', 'Say --yes.');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await new Promise<string>((resolve) => {
      lines.once('close', () => { resolve(''); });
      lines.question(`Make ${displayName(path)} the source? [y/N] `, resolve);
    })).trim());
  } finally {
    lines.close();
  }
}

/** Puts the old source out of action. @throws CommandError HOOK where it fails, unless `force`. */
async function fenceHook(command: string, { force, timeoutMs }: How, target: Promotable, standby: StandbyNote | undefined): Promise<void> {
  const env = ownEnvironment();
  env['TWINTREE_TARGET'] = displayName(target.path);
  env['TWINTREE_SOURCE_HOST'] = standby === undefined ? '' : displayName(standby.source.host);
  env['TWINTREE_SOURCE'] = standby === undefined ? '' : displayName(standby.source.path);
  env['TWINTREE_COMPLETE_UP_TO'] = typeof standby?.upTo === 'number' ? new Date(standby.upTo).toISOString() : '';
  const done = await runProgram({ argv: ['/bin/sh', '-c', command], env, input: '', timeoutMs, graceMs: HOOK_GRACE, keep: HOOK_OUTPUT });
  const said = done.output.split('\n').filter((line) => line.trim() !== '').map((line) => `  ${displayName(Buffer.from(line, 'utf8').toString('latin1') as ByteString)}\n`).join('');
  if (said !== '') process.stderr.write(`the fencing hook says:\n${said}`);
  if (done.exitCode === 0 && !done.timedOut) return;
  const why = done.startError ?? (done.timedOut ? `it took longer than ${timeoutMs / 1000} s` : done.signal === null ? `exit code ${done.exitCode ?? '?'}` : `ended by ${done.signal}`);
  if (!force) throw new CommandError('HOOK', `the fencing hook failed (${why}); nothing was promoted`, { advice: 'Put the old source out of action by hand, and leave the hook out, or say --force.' });
  process.stderr.write(`twintree: the fencing hook failed (${why}); it is promoted all the same\n`);
}
