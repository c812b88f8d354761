/**
 * The conductor: the one process at a time that a migration is at work in. It takes up the role that the state wants, does what it is asked, one operation after
 * the other, and begins where the last one ended, however that was: what was frozen is thawed, a switch that had begun is brought to its end.
 */
import { TwintreeError } from '../../tree/index.js';
import { guardIsGone } from '../freeze/guard.js';
import { thaw } from '../freeze/thaw.js';
import { endLeftHook } from '../hooks/left.js';
import type { MigrationState, OperationName } from '../journal/events.js';
import { AT_REST, FROZEN, MAY, type Stand } from '../journal/machine.js';
import { Context, sentenceOf, type ContextRequest } from './context.js';
import { cutover, switchOver, type CutoverEnd } from './cutover.js';
import { goBack, type BackOptions } from './go-back.js';
import type { Direction, FollowStatus } from './ports.js';
import { rehearse } from './rehearse.js';
import { Roles } from './roles.js';

/** What a person asks for. */
export type Request = { readonly what: OperationName } & Partial<BackOptions>;

/** How it stands now. */
export interface ConductorStatus {
  readonly stand: Stand;
  readonly operation: OperationName | undefined;
  readonly following: { readonly direction: Direction; readonly status: FollowStatus | undefined } | undefined;
}

interface Running {
  readonly what: OperationName;
  readonly controller: AbortController;
  done: Promise<void>;
}

const LOOK_MS = 200;
/** The state in which an operation has done what it should. A rehearsal leads to none. */
const LEADS_TO: Readonly<Partial<Record<OperationName, MigrationState>>> = { start: 'seeding', cutover: 'switched', rollback: 'rolled-back', finish: 'finished', abort: 'aborted' };

export class Conductor {
  private readonly context: Context;
  private readonly roles: Roles;
  private running: Running | undefined;
  private wake = (): void => undefined;
  private fault: unknown;
  private asked = false;

  constructor(request: ContextRequest, lagEveryMs?: number) {
    this.context = new Context(request);
    this.roles = new Roles(this.context, (error) => {
      this.fault = error;
      this.running?.controller.abort(error);
      this.wake();
    }, lagEveryMs);
  }

  get status(): ConductorStatus {
    return { stand: this.context.stand, operation: this.running?.what, following: this.roles.status() };
  }

  /**
   * Begins an operation; it goes on by itself, and the journal tells its end. A roll-back and an abort take the place of what is under way.
   * @throws TwintreeError MIGRATION where it does not fit.
   */
  ask(request: Request): void {
    const { running } = this;
    this.check(request);
    if (running !== undefined && request.what !== 'rollback' && request.what !== 'abort') throw new TwintreeError('MIGRATION', `${running.what} is under way`, { advice: 'Wait for its end; twintree migrate rollback ends it.' });
    const before = this.after(running, request);
    this.begin(request.what, '', async (signal) => {
      this.check(request); // what came before may have changed the state
      return this.operation(request, signal);
    }, before);
  }

  /** Until the migration is at rest, or the signal. @param waitMs at rest it waits so long for a first question. @throws what ended the mirror. */
  async run(signal: AbortSignal, first?: Request, waitMs = 0): Promise<void> {
    const { context } = this;
    const end = (): void => { this.wake(); };
    signal.addEventListener('abort', end);
    const clock = setInterval(() => { this.look(); }, LOOK_MS);
    try {
      await guardIsGone(context.folder);
      context.journal.refresh(context.folder);
      await this.recover();
      if (first !== undefined) this.ask(first);
      const until = performance.now() + waitMs;
      while (!signal.aborted && this.fault === undefined) {
        if (this.running === undefined) this.roles.take();
        if (this.running === undefined && AT_REST.includes(context.stand.state) && (this.asked || performance.now() >= until)) return;
        await new Promise<void>((resolve) => { this.wake = resolve; });
      }
      if (this.fault !== undefined) throw this.fault;
    } finally {
      clearInterval(clock);
      signal.removeEventListener('abort', end);
      await this.settle();
      await this.roles.end();
    }
  }

  /** What is under way is brought to a point where it may be left: a cutover thaws, a switch and a way back go to their end. */
  private async settle(): Promise<void> {
    const { running } = this;
    if (running === undefined) return;
    if (!['switching', 'rolling-back'].includes(this.context.stand.state)) running.controller.abort(new TwintreeError('ABORTED', 'the conductor was ended'));
    await running.done;
  }

  /** By the clock: the first copy may be complete. */
  private look(): void {
    const { state } = this.context.stand;
    if (this.running === undefined && AT_REST.includes(state)) this.wake(); // it may have waited long enough
    if (state === 'seeding' && this.roles.status()?.status?.complete === true) this.context.go('live');
  }

  private check({ what }: Request): void {
    const { state } = this.context.stand;
    if (MAY[what].includes(state)) return;
    const may = Object.entries(MAY).filter(([, states]) => states.includes(state)).map(([name]) => name);
    throw new TwintreeError('MIGRATION', `${what} is not possible where the migration is ${state}`, { advice: may.length === 0 ? 'It is over: twintree migrate plan begins a new one.' : `Possible now: ${may.join(', ')}.` });
  }

  /** Ends what is under way and waits for that. */
  private async after(running: Running | undefined, { what }: Request): Promise<void> {
    if (running === undefined) return;
    running.controller.abort(new TwintreeError('ABORTED', `it was ended by ${what}`));
    await running.done;
  }

  /** An operation goes on by itself, behind `before`; the journal tells how it ended. */
  private begin(what: OperationName, message: string, work: (signal: AbortSignal) => Promise<string>, before: Promise<void> = Promise.resolve()): void {
    const { context } = this;
    const controller = new AbortController();
    const run = async (): Promise<void> => {
      await before;
      context.tell({ event: 'operation', what, phase: 'began', ok: true, message });
      try {
        const done = await work(controller.signal);
        context.tell({ event: 'operation', what, phase: 'ended', ok: true, message: done });
      } catch (error) {
        context.tell({ event: 'operation', what, phase: 'ended', ok: false, message: sentenceOf(error) });
      }
    };
    const next: Running = { what, controller, done: Promise.resolve() };
    this.asked = true;
    this.running = next;
    next.done = run().catch((error: unknown) => { this.fault ??= error; }).finally(() => { // the journal cannot be written: nothing more is done
      if (this.running === next) this.running = undefined;
      this.wake();
    });
  }

  private async operation(request: Request, signal: AbortSignal): Promise<string> {
    const { context, roles } = this;
    switch (request.what) {
      case 'start':
        context.go('seeding');
        return 'the target follows the source';
      case 'rehearse': return rehearse(context, signal);
      case 'cutover': return this.judged(await cutover(context, { forward: () => roles.forward(), endForward: () => roles.end() }, signal), signal);
      case 'rollback': return this.rollBack(request, signal);
      case 'finish': return this.finish(signal);
      case 'abort':
        await roles.end();
        context.go('aborted', 'it was asked for');
        return 'the migration has ended; the source serves as before, and the target stays as it is';
    }
  }

  /** What follows from a cutover's end. */
  private async judged(end: CutoverEnd, signal: AbortSignal): Promise<string> {
    const { context } = this;
    if (end.end === 'switched') return `the new side serves${context.definition.reverse ? ', and the old one follows it' : ''}`;
    if (end.end === 'thawed') throw end.error;
    const why = sentenceOf(end.error);
    context.problem('SWITCH', why);
    await this.goBack(why, { undone: false, loseNew: false }, new AbortController().signal); // what ended the switch does not end the way back
    signal.throwIfAborted();
    throw rolledBack(why);
  }

  private async rollBack({ undone = false, loseNew = false }: Request, signal: AbortSignal): Promise<string> {
    const { context } = this;
    const { state, thawFailed } = context.stand;
    if (state === 'rolled-back') return 'it was rolled back already; the old side serves';
    if (!['switching', 'switched', 'rolling-back'].includes(state)) { // by `after`, where a cutover was under way
      if (thawFailed && !await thaw(context.definition.freeze.thaw, context.ports.ways, 'it had failed before', context.tell)) {
        throw new TwintreeError('HOOK', 'what thaws the source failed again', { advice: 'Mend it, or start by hand what serves the source, then: twintree migrate rollback.' });
      }
      return 'the source serves; the cutover was ended before the switch';
    }
    await this.goBack('it was asked for', { undone, loseNew }, signal);
    return 'the old side serves again, with all that was written on the new one';
  }

  private goBack(reason: string, how: BackOptions, signal: AbortSignal): Promise<void> {
    return goBack(this.context, reason, () => this.roles.end(), how, signal);
  }

  private async finish(signal: AbortSignal): Promise<string> {
    const { context, roles } = this;
    await context.hooks(context.definition.finish.hooks, 'finish', signal);
    await roles.end();
    context.go('finished', 'it was asked for');
    return 'the migration is finished; the old tree stays as it is and follows no more';
  }

  /** Where the last conductor was ended in the middle of something. */
  private async recover(): Promise<void> {
    const { context } = this;
    const { state, operation, thawFailed } = context.stand;
    const { definition, ports } = context;
    const why = 'the conductor had ended in the middle';
    await endLeftHook(context.folder);
    if (FROZEN.includes(state)) {
      const thawed = context.journal.events.findLast((each) => each.event === 'thawed' || (each.event === 'state' && each.state === 'freezing'));
      const done = thawed?.event === 'thawed' && thawed.ok; // by the guard
      if (!done) await thaw(definition.freeze.thaw, ports.ways, why, context.tell);
      context.go('live', why);
    } else if (state === 'converging') context.go('live', why);
    else if (thawFailed && state === 'live') await thaw(definition.freeze.thaw, ports.ways, 'it had failed before', context.tell);
    // What goes on has no end in between: whoever waits for it would take that for the end.
    if (state === 'switching') this.begin('cutover', 'it goes on', async (signal) => this.judged(await switchOver(context, signal), signal));
    else if (state === 'rolling-back' && operation !== undefined) this.begin(operation, 'it goes on', (signal) => this.goBackOf(operation, signal));
    else if (operation !== undefined) {
      const ok = context.stand.state === LEADS_TO[operation];
      context.tell({ event: 'operation', what: operation, phase: 'ended', ok, message: ok ? 'it was done when the conductor ended' : why });
    }
  }

  /** Goes on with a way back, which was asked for or is what became of a cutover. */
  private async goBackOf(operation: OperationName, signal: AbortSignal): Promise<string> {
    const why = this.context.stand.reason ?? '';
    const done = await this.rollBack({ what: 'rollback' }, signal);
    if (operation === 'rollback') return done;
    throw rolledBack(why);
  }
}

function rolledBack(why: string): TwintreeError {
  return new TwintreeError('MIGRATION', `the switch failed and was rolled back: ${why}`);
}
