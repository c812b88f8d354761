/** Judges what is kept of a pair between runs. Pure. */
import type { PairCondition } from '../state/index.js';
import { displayName, type ByteString } from '../tree/index.js';
import { found, word, type Finding } from './finding.js';

export interface StateFacts {
  /** The pair's folder. */
  readonly folder: ByteString;
  readonly pair: PairCondition;
}

export function judgeState({ folder, pair }: StateFacts): Finding[] {
  const where = displayName(folder);
  if (!pair.exists) return [found('state.none', 'ok', 'Nothing is kept of this pair yet: the first run begins it.')];
  const findings: Finding[] = [];
  if (pair.holder !== undefined) findings.push(found('state.locked', 'warning', `Process ${pair.holder.pid} works with the state of this pair since ${new Date(pair.holder.since).toISOString()}: another run would end with LOCKED.`, `twintree status   # or: ps -p ${pair.holder.pid}`));
  switch (pair.format) {
    case 'newer': findings.push(found('state.format', 'error', `The state of this pair was written by a newer twintree.`, `use that version, or: rm -r ${word(folder)}   # it is made anew, which costs time only`)); break;
    case 'older': findings.push(found('state.format', 'note', 'The state of this pair has an older format: the next run brings it up to date, and an older twintree cannot use it then.')); break;
    case 'damaged': findings.push(found('state.damaged', 'warning', `The format file in ${where} is damaged: the next run sets the state aside and compares everything.`)); break;
    case 'none': case 'current': break;
  }
  for (const part of pair.damaged) findings.push(found('state.damaged', 'warning', `The ${part} in ${where} is damaged: the next run sets it aside and ${part === 'index' ? 'begins it anew' : 'compares everything'}.`, 'look at the disk: dmesg | grep -i error'));
  if (pair.setAside) findings.push(found('state.set-aside', 'note', `A damaged part of the state lies aside in ${where}.`, `rm -r ${word(folder)}/*.damaged`));
  if (findings.length === 0) findings.push(found('state.sound', 'ok', `The state of this pair is sound (${where}).`));
  return findings;
}
