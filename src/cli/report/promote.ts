/** What `twintree promote` says of a target: how far it is, what is missing, and what to do next; as text or a line of JSON. Pure. */
import type { Leftovers } from '../../session/index.js';
import type { Promotion, StandbyNote } from '../../state/index.js';
import { displayName, sizeText, type ByteString } from '../../tree/index.js';

/** All that is known of a target. Times are milliseconds since 1970. */
export interface PromoteFacts {
  readonly target: ByteString;
  /** `standbyAbove`, `promotionAbove`: of a folder that it lies in. */
  readonly standby: StandbyNote | undefined;
  readonly standbyAbove: boolean;
  readonly promotion: Promotion | undefined;
  readonly promotionAbove: boolean;
  readonly now: number;
  readonly leftovers?: Leftovers;
}

/** Clocks that differ by less are not worth a word, ms: a part of it is the way of the message. */
const CLOCKS = 500;

/** How it stands. */
export function standbyText(facts: PromoteFacts): string {
  const { target, standby, standbyAbove, promotion, promotionAbove } = facts;
  const lines = [displayName(target)];
  if (promotion !== undefined) lines.push(`  promoted ${promotion.at === 0 ? 'at an unknown time' : `at ${moment(promotion.at)}`}${promotionAbove ? `, with ${displayName(promotion.path)}` : ''}: it is the source, and takes nothing from elsewhere`);
  const note = promotion?.standby ?? standby;
  if (note === undefined) lines.push('  no mirror has told here how far it is: nothing is known of what is missing');
  else lines.push(...about(note, standbyAbove, facts.now).map((line) => `  ${line}`));
  return `${lines.join('\n')}\n`;
}

function about(note: StandbyNote, above: boolean, now: number): string[] {
  const { source, upTo, phase, failing, held, at, heardAt } = note;
  const lines = [`mirrors ${displayName(source.host)}:${displayName(source.path)}${above ? `, with ${displayName(note.target)}` : ''}`];
  lines.push(upTo === null ? 'up to when it is complete is not known: it was never compared to its end' : `complete up to ${moment(upTo)}, by the clock of ${displayName(source.host)}${note.exact ? '' : ' (about: the mirror could not see every change at once)'}`);
  const ahead = at - heardAt;
  if (Math.abs(ahead) > CLOCKS) lines.push(`that clock was ${seconds(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} this host's: by this one, up to ${upTo === null ? '?' : moment(upTo - ahead)}`);
  lines.push(`the mirror was last heard of at ${moment(heardAt)}, ${seconds(Math.max(0, now - heardAt))} ago${phase === 'ended' ? '; it had been ended in good order' : phase === 'following' ? '' : `; it was ${PHASE[phase]}`}`);
  if (!note.copied) lines.push('THE FIRST COPY IS NOT COMPLETE: whatever had not come yet is missing');
  if (note.waiting > 0) lines.push(`on their way then: ${note.waiting} ${note.waiting === 1 ? 'path' : 'paths'}, about ${sizeText(note.waitingBytes)}; what of them did not arrive is missing`);
  if (failing > 0) lines.push(`${failing} ${failing === 1 ? 'path' : 'paths'} had failed or been put off; for these the moment does not hold:`, ...note.names.map((name) => `  ${displayName(name)}`), ...(failing > note.names.length ? [`  … ${failing} in all`] : []));
  if (held > 0) lines.push(`${held} deletions were held back: what they were for is still here`);
  if (!note.deletes) lines.push('the mirror did not delete (it ran without --delete): what was deleted at the source is still here');
  if (!note.durable) lines.push('the mirror did not wait for the disk: a loss of power here may have cost more');
  return lines;
}

const PHASE: Readonly<Record<StandbyNote['phase'], string>> = {
  copying: 'comparing everything', following: 'following', waiting: 'trying again after a failure', held: 'held by a guard', paused: 'paused', 'source-lost': 'missing its source', ended: 'ended',
};

/** What was done, and what to do now. `before`: how it stood before the fence; what came between counts. */
export function nextSteps(facts: PromoteFacts, before: PromoteFacts): string {
  const { target, leftovers, promotion } = facts;
  const note = promotion?.standby ?? facts.standby;
  const name = displayName(target);
  const lines = [`${name} is the source now: promoted at ${moment(promotion?.at ?? facts.now)}. No session from elsewhere is let in.`];
  if (note !== undefined && note.upTo !== null && note.upTo !== before.standby?.upTo) lines.push(`It is complete up to ${moment(note.upTo)} after all: more had come meanwhile.`);
  if (leftovers !== undefined && leftovers.count > 0) {
    lines.push(`${leftovers.count} ${leftovers.count === 1 ? 'file was' : 'files were'} under way when the source went; what came of them is left (hidden names, or mode 1200), and is no whole file:`, ...leftovers.paths.map((path) => `  ${displayName(path)}`));
  }
  if (leftovers?.all === false) lines.push(`(looked for those in ${leftovers.folders} folders only)`);
  const old = note === undefined ? 'OLDHOST:OLDSOURCE/' : `${displayName(note.source.host)}:${displayName(note.source.path)}/`;
  lines.push(
    '', 'When the old source is back, what it has and this tree has not is there alone. Look first, and keep it:',
    `  twintree sync -ain ${old} ${name}/`, `  twintree sync -a --compare-dest=${name} ${old} LOST/`,
    'Then turn the direction; what differs there goes to a folder of backups first:', `  twintree mirror --delete --backup --backup-dir=BACKUPS ${name}/ ${old.replace(/(?<=.)\/$/, '')}`,
    `To let sessions write into ${name} again: twintree promote --undo ${name}`,
  );
  return `${lines.join('\n')}\n`;
}

/** A line of JSON; names are text for people. */
export function promotionJson({ target, standby, standbyAbove, promotion, promotionAbove, leftovers }: PromoteFacts): string {
  const note = promotion?.standby ?? standby;
  return `${JSON.stringify({
    type: 'promotion', target: displayName(target), promoted: promotion !== undefined, at: promotion?.at ?? null, above: promotionAbove,
    standby: note === undefined ? null : {
      source: { host: displayName(note.source.host), path: displayName(note.source.path) }, target: displayName(note.target), above: standbyAbove, upTo: note.upTo, exact: note.exact, durable: note.durable, deletes: note.deletes, copied: note.copied, phase: note.phase,
      heardAt: note.heardAt, sourceClockAheadMs: note.at - note.heardAt, waiting: note.waiting, waitingBytes: note.waitingBytes, failing: note.failing, names: note.names.map((name) => displayName(name)), held: note.held,
    },
    ...(leftovers === undefined ? {} : { leftovers: { count: leftovers.count, paths: leftovers.paths.map((path) => displayName(path)), all: leftovers.all } }),
  })}\n`;
}

function moment(at: number): string {
  return new Date(at).toISOString();
}

function seconds(ms: number): string {
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
