/** Thawing: what undoes a freeze, run whole however much of it fails, and told in the journal. */
import { runMigrationHooks, type HookWays, type MigrationHook } from '../hooks/hooks.js';
import type { MigrationFact } from '../journal/events.js';

/** Never rejects. Whether every hook did what it should. */
export async function thaw(hooks: readonly MigrationHook[], ways: HookWays, reason: string, told: (fact: MigrationFact) => void): Promise<boolean> {
  const failed = await runMigrationHooks(hooks, 'thaw', ways, told, { all: true });
  if (failed !== undefined) told({ event: 'problem', code: 'THAW', message: `the source may still be frozen: ${failed.command}: ${failed.trouble ?? ''}`, path: null });
  told({ event: 'thawed', ok: failed === undefined, reason });
  return failed === undefined;
}
