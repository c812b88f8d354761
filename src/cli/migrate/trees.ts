/** The two trees of a migration as the command line's own parser reads them, and how the target's host is reached. */
import type { MigrationDefinition } from '../../migrate/index.js';
import type { CommandSpec } from '../../transport/index.js';
import { fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { atHostOf } from '../commands/to-host.js';
import { processContext } from '../commands/shared.js';
import { parseMirror, type ParsedMirror, type ParsedRun } from '../options/index.js';

export interface MigrationTrees {
  readonly parsed: ParsedMirror;
  /** As a run of the same words would be. */
  readonly run: ParsedRun & { target: ByteString };
  /** Absolute, with a slash at its end. */
  readonly source: ByteString;
  /** Path on its host, without a slash at its end. */
  readonly target: ByteString;
  /** The target's host as people know it; undefined: this one. */
  readonly hostName: string | undefined;
  /** Starts a command of ours there; undefined: it is this host. */
  readonly atTarget: CommandSpec | undefined;
}

/** @throws TwintreeError USAGE for a definition that makes no mirror. */
export function treesOf({ words, source, target }: Pick<MigrationDefinition, 'words' | 'source' | 'target'>): MigrationTrees {
  const parsed = parseMirror([...words, '--', source, target].map(fromText), processContext());
  const [run] = parsed.kind === 'run' ? parsed.targets : [];
  if (parsed.kind !== 'run' || run === undefined) throw new TwintreeError('USAGE', 'the options of the migration make no mirror');
  const { host } = run;
  if (host?.kind === 'daemon') throw new TwintreeError('USAGE', 'a target behind twintree:// has no shell for hooks and for the way back');
  return {
    parsed, run, source: parsed.source, target: run.target.replace(/(?<=.)\/+$/, '') as ByteString, hostName: host === undefined ? undefined : `${host.user === undefined ? '' : `${host.user}@`}${host.host}`,
    atTarget: host === undefined ? undefined : atHostOf(host, run.connection),
  };
}
