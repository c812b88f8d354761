/** What a migration is to be: plain data, once the definition is right. */
import type { MigrationHook } from '../hooks/hooks.js';

export interface MigrationDefinition {
  readonly name: string;
  /** As on the command line of a mirror: a folder with a slash at its end, absolute. */
  readonly source: string;
  /** A path, or `[USER@]HOST:PATH`. */
  readonly target: string;
  /** Options and filters, as words of `twintree mirror`. */
  readonly words: readonly string[];
  /** When the target is near enough for a cutover. */
  readonly converge: {
    /** At most so far behind, ms, and so many bytes waiting, */
    readonly lagMs: number;
    readonly backlogBytes: number;
    /** for so long. */
    readonly steadyMs: number;
    /** It is given up after so long, ms. */
    readonly patienceMs: number;
  };
  readonly freeze: {
    /** Run while the source is in use, so that little is left to be done in the freeze; what they write is carried before it. */
    readonly prepare: readonly MigrationHook[];
    readonly hooks: readonly MigrationHook[];
    /** Undoes them, also where only some of them were done. */
    readonly thaw: readonly MigrationHook[];
    /** Run when the switch is decided, before it: the old tree can be written again by then, and what served it has ended for good. */
    readonly release: readonly MigrationHook[];
    /** From the first freeze hook to the first switch hook at most, ms; then it is thawed by itself. */
    readonly limitMs: number;
    /** So long nothing may change before the source counts as quiet, ms. */
    readonly quietMs: number;
  };
  /** What the last pass looks at: what is dirty, or all. */
  readonly final: 'dirty' | 'full';
  readonly verify: {
    readonly mode: 'full' | 'index';
    /** Share of what the index vouches for that is read all the same, 0 to 1. */
    readonly sample: number;
  };
  readonly switch: {
    readonly hooks: readonly MigrationHook[];
    readonly undo: readonly MigrationHook[];
    readonly health: HealthCheck | undefined;
  };
  readonly rehearse: {
    /** A clone beside the target, or this folder on the target's host. */
    readonly on: { readonly kind: 'clone' } | { readonly kind: 'folder'; readonly path: string };
    readonly hooks: readonly MigrationHook[];
    readonly undo: readonly MigrationHook[];
  };
  readonly finish: { readonly hooks: readonly MigrationHook[] };
  /** After the switch the old source follows the new one. */
  readonly reverse: boolean;
  /** File of the key that evidence is signed with; undefined: the user's own. */
  readonly key: string | undefined;
}

/** It decides between done and the way back. */
export interface HealthCheck {
  readonly hook: MigrationHook;
  /** It counts as healthy when one of so many attempts succeeds, */
  readonly attempts: number;
  /** so many ms apart. */
  readonly everyMs: number;
}
