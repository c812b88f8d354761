/**
 * HintQueue: what capture has seen and nobody has taken yet. Bounded: when it is full, hints become coarser and a condition says
 * so. Hints leave in batches, the ends of a rename never in an earlier one than its other end was put in. Pure.
 */
import { EMPTY, type RelPath } from '../../tree/index.js';
import type { Hint, HintReason, HintScope } from '../hint.js';
import { DirtyTree } from '../settle/index.js';
import type { Condition, ConditionKind, Sink } from './types.js';

export interface HintQueueOptions {
  /** Most names held; see DirtyTree. */
  most: number;
  /** Clock: ms since 1970. */
  now: () => number;
}

export class HintQueue implements Sink {
  /** Hints put in. */
  hints = 0;
  /** How often they were made coarser for want of room. */
  coarsened = 0;
  private tree: DirtyTree;
  /** Renames: from where to where. What a coarser hint absorbed at one end is known by the other. */
  private readonly renames = new Map<RelPath, RelPath>();
  private conditions: Condition[] = [];
  private fullTold = false;

  constructor(private readonly options: HintQueueOptions) {
    this.tree = this.fresh();
  }

  hint(path: RelPath, scope: HintScope, reason: HintReason, more: { gone?: boolean; complete?: boolean; from?: RelPath } = {}): void {
    this.hints++;
    const now = this.options.now();
    this.tree.add({ path, scope, reason, at: now, gone: more.gone ?? false, complete: more.complete ?? false, ...(more.from === undefined ? {} : { from: more.from }) }, now);
    if (more.from !== undefined && this.renames.size < this.options.most) this.renames.set(more.from, path);
    if (this.tree.coarsened === 0 || this.fullTold) return;
    this.coarsened++;
    this.fullTold = true; // once for each time it fills; it is empty again when all was taken
    this.condition('queue-full', EMPTY, 'changes are seen faster than they are taken: names are told as folders now', 'dirty');
  }

  condition(kind: ConditionKind, path: RelPath, message: string, answer: Condition['answer']): void {
    // The same over and over is one condition; and never more than fit.
    const last = this.conditions.at(-1);
    if (last?.kind === kind && last.path === path && last.message === message) return;
    if (this.conditions.length < MOST_CONDITIONS) this.conditions.push({ kind, path, message, answer, at: this.options.now() });
    else if (this.conditions.length === MOST_CONDITIONS) {
      this.conditions.push({ kind: 'trouble', path: EMPTY, message: 'further conditions were not kept one by one', answer: 'dirty', at: this.options.now() });
      this.hint(EMPTY, 'subtree', 'unclear');
    }
  }

  get empty(): boolean {
    return this.tree.size === 0 && this.conditions.length === 0;
  }

  /** Takes all that waits. */
  take(): { hints: Hint[]; conditions: Condition[] } {
    const hints: Hint[] = [];
    for (const node of this.tree.records()) {
      const hint = node.hint();
      const to = this.renames.get(hint.path);
      hints.push(to === undefined ? hint : { ...hint, to });
    }
    this.renames.clear();
    const { conditions } = this;
    this.conditions = [];
    if (hints.length > 0) this.tree = this.fresh();
    this.fullTold = false;
    return { hints, conditions };
  }

  private fresh(): DirtyTree {
    return new DirtyTree({ most: this.options.most, folderStorm: Infinity });
  }
}

/** Conditions held until they are taken. */
const MOST_CONDITIONS = 256;
