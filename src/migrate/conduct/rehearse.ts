/**
 * A rehearsal: what a cutover does, on a copy of the target, while the mirror goes on. Nothing of it reaches the source or the real target: the source is only
 * read, the copy is another folder, and hooks are those of the rehearsal, which are told so.
 */
import { runMigrationHooks } from '../hooks/hooks.js';
import { within, type Context } from './context.js';
import { untilSeeded } from './converge.js';

/** Resolves with a sentence of what was found. @throws TwintreeError of what failed; the copy of a clone is gone in either case. */
export async function rehearse(context: Context, signal: AbortSignal): Promise<string> {
  const { definition, ports } = context;
  const { on, hooks, undo } = definition.rehearse;
  await untilSeeded(context, signal);
  context.parts.length = 0;
  const begun = performance.now();
  const copy = on.kind === 'folder' ? on.path : await within(ports.makeClone(signal), signal);
  const ways = { ...ports.ways, env: { ...ports.ways.env, TWINTREE_TARGET: copy, TWINTREE_REHEARSAL: '1' } };
  let differences = 0;
  let ok = false;
  try {
    const result = await context.part('final', true, () => within(ports.session('forward', { target: copy, signal }), signal), ({ files, bytes }) => ({ files, bytes }));
    context.tell({ event: 'session', kind: 'full', ms: result.ms, entries: result.entries, files: result.files, bytes: result.bytes, sent: result.sent });
    const { mode, sample } = definition.verify;
    const proof = await context.part('verify', true, () => within(ports.prove({ direction: 'forward', mode, sample, target: copy, name: 'rehearsal', signal }), signal), ({ fact }) => ({ files: fact.entries, bytes: fact.bytes }));
    context.tell(proof.fact);
    differences = proof.fact.differences + proof.fact.extras + proof.fact.missing;
    await context.part('switch', true, () => context.hooks(hooks, 'rehearse', signal, { rehearsal: true, ways }));
    ok = true;
  } finally {
    await runMigrationHooks(undo, 'rehearse', ways, context.tell, { all: true, rehearsal: true });
    if (on.kind === 'clone') await ports.dropClone(copy);
    context.tell({ event: 'downtime', ms: Math.round(performance.now() - begun), parts: [...context.parts], rehearsal: true, ok });
  }
  const inUse = differences === 0 ? 'both trees were equal' : `${differences} paths differed, which a source in use may change meanwhile`;
  return `the rehearsal went well; ${inUse}${on.kind === 'folder' ? `; the copy stays in ${copy}` : ''}`;
}
