/** What all parts of a conductor share: the definition, the journal, the ports, and the one way from state to state. */
import { TwintreeError, type ByteString } from '../../tree/index.js';
import type { MigrationDefinition } from '../definition/index.js';
import { runMigrationHooks, type HookFact, type MigrationHook } from '../hooks/hooks.js';
import type { HookPart, MigrationFact, MigrationState, Part } from '../journal/events.js';
import type { Journal } from '../journal/journal.js';
import { canGo, type Stand } from '../journal/machine.js';
import type { Following, MigrationPorts } from './ports.js';
import type { CommandSpec } from '../../transport/index.js';

export interface ContextRequest {
  readonly definition: MigrationDefinition;
  readonly journal: Journal;
  readonly ports: MigrationPorts;
  /** The migration's folder. */
  readonly folder: ByteString;
  /** Runs this program on this host (`--at-host`), in a session of its own. */
  readonly program: CommandSpec;
}

export class Context {
  readonly definition: MigrationDefinition;
  readonly journal: Journal;
  readonly ports: MigrationPorts;
  readonly folder: ByteString;
  readonly program: CommandSpec;
  /** Parts of the cutover or rehearsal under way, as they were measured. */
  readonly parts: { part: Part; ms: number }[] = [];

  constructor(request: ContextRequest) {
    this.definition = request.definition;
    this.journal = request.journal;
    this.ports = request.ports;
    this.folder = request.folder;
    this.program = request.program;
  }

  get stand(): Stand {
    const { stand } = this.journal;
    if (stand === undefined) throw new TwintreeError('MIGRATION', 'the journal of the migration has no plan in it');
    return stand;
  }

  readonly tell = (fact: MigrationFact): void => { this.journal.add(fact); };

  /** Goes to another state; it is on the disk when this returns. A way that does not exist is a fault of the program. */
  go(state: MigrationState, reason: string | null = null): void {
    const from = this.stand.state;
    if (!canGo(from, state)) throw new Error(`no way from ${from} to ${state}`);
    this.tell({ event: 'state', state, reason });
  }

  problem(code: string, message: string, path: string | null = null): void {
    this.tell({ event: 'problem', code, message, path });
  }

  /** Does a part of a cutover and tells how long it took. */
  async part<T>(part: Part, rehearsal: boolean, work: () => Promise<T>, amount: (result: T) => { files: number; bytes: number } = () => ({ files: 0, bytes: 0 })): Promise<T> {
    const begun = performance.now();
    const result = await work();
    const ms = Math.round(performance.now() - begun);
    this.parts.push({ part, ms });
    const { files, bytes } = amount(result); // and not whatever else it may hold
    this.tell({ event: 'part', part, ms, files, bytes, rehearsal });
    return result;
  }

  /** Runs hooks that stop what they belong to where one fails. @throws TwintreeError HOOK; what `signal` was aborted with. */
  async hooks(hooks: readonly MigrationHook[], part: HookPart, signal: AbortSignal, more: { rehearsal?: boolean; ways?: MigrationPorts['ways'] } = {}): Promise<void> {
    const failed = await runMigrationHooks(hooks, part, more.ways ?? this.ports.ways, this.tell, { signal, rehearsal: more.rehearsal ?? false });
    signal.throwIfAborted();
    if (failed !== undefined) throw hookError(failed);
  }
}

export function hookError(fact: HookFact): TwintreeError {
  const output = fact.output.trim();
  return new TwintreeError('HOOK', `the ${fact.part} hook failed: ${fact.command}: ${fact.trouble ?? ''}${output === '' ? '' : ` (${output.slice(-300).replaceAll(/\s*\n\s*/g, ' / ')})`}`);
}

/** A promise that ends with the signal, whatever becomes of it. */
export async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const ended = new Promise<never>((_, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error); }, { signal: over.signal }); });
  try {
    return await Promise.race([work, ended]);
  } finally {
    over.abort();
  }
}

/** Milliseconds that a path may fail before it is given up while the source is frozen. */
const FAILING_MS = 3000;

/** Resolves when all is there. @throws TwintreeError NOT_EQUAL where a path does not arrive; what `signal` was aborted with. */
export async function caughtUp(following: Pick<Following, 'caughtUp' | 'status'>, signal: AbortSignal): Promise<void> {
  let failingSince: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const [failing] = following.status()?.failing ?? [];
      if (failing === undefined) failingSince = undefined;
      else if (performance.now() - (failingSince ??= performance.now()) > FAILING_MS) reject(new TwintreeError('NOT_EQUAL', `${failing.path} does not arrive: ${failing.message}`));
    }, 200);
  });
  try {
    await within(Promise.race([following.caughtUp(), failed]), signal);
  } finally {
    clearInterval(timer);
  }
}

/** One sentence of what went wrong. */
export function sentenceOf(error: unknown): string {
  if (error instanceof TwintreeError) return error.advice === undefined ? error.message : `${error.message}. ${error.advice}`;
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): string {
  return error instanceof TwintreeError ? error.code : 'INTERNAL';
}
