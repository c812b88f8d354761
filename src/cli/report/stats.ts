/**
 * What stands at the end: the `--stats` block and rsync's two closing lines, with the same words and numbers.
 *
 * Nothing crosses a wire in a local sync: "sent" is the content that was written, "received" is 0, and the lines about
 * the file list give the time of the scan. Two lines of our own follow rsync's.
 */
import type { Outcome, PlanTotals, TypeCounts } from './part.js';
import type { HumanLevel } from '../options/output.js';
import { fixed, humanCount, humanDecimal, humanNumber } from './human.js';

/** `--stats`, one line each, beginning with an empty one. */
export function statsLines(outcome: Outcome, totals: PlanTotals, dryRun: boolean, human: HumanLevel): string[] {
  const number = (value: number): string => humanNumber(value, human);
  const count = (value: number): string => humanCount(value, human);
  const sent = dryRun ? 0 : outcome.literalBytes;
  return [
    '',
    `Number of files: ${counted(totals.entries, human)}`,
    `Number of created files: ${counted(dryRun ? totals.creates : outcome.created, human)}`,
    `Number of deleted files: ${counted(dryRun ? totals.deletes : outcome.deleted, human)}`,
    `Number of regular files transferred: ${count(dryRun ? totals.transferFiles : outcome.transferredFiles)}`,
    `Total file size: ${number(totals.totalSize)} bytes`,
    `Total transferred file size: ${number(dryRun ? totals.transferBytes : outcome.transferredBytes)} bytes`,
    `Literal data: ${number(sent)} bytes`,
    `Matched data: ${number(dryRun ? 0 : outcome.matchedBytes)} bytes`,
    'File list size: 0',
    `File list generation time: ${fixed(outcome.scanMs / 1000, 3)} seconds`,
    'File list transfer time: 0.000 seconds',
    `Total bytes sent: ${number(sent)}`,
    'Total bytes received: 0',
    `Number of moved entries: ${count(dryRun ? totals.moves : outcome.moved)}`,
    `Elapsed time: ${fixed(outcome.elapsedMs / 1000, 3)} seconds`,
  ];
}

/** The lines that close `-v`, beginning with an empty one. */
export function closingLines(outcome: Outcome, totals: PlanTotals, dryRun: boolean, human: HumanLevel): string[] {
  const sent = dryRun ? 0 : outcome.literalBytes;
  const rate = sent / Math.max(0.001, outcome.elapsedMs / 1000);
  // Where nothing was sent the ratio has no value; one byte keeps it a number for those who parse it.
  const speedup = totals.totalSize / Math.max(1, sent);
  return [
    '',
    `sent ${humanNumber(sent, human)} bytes  received 0 bytes  ${humanDecimal(rate, 2, human)} bytes/sec`,
    `total size is ${humanNumber(totals.totalSize, human)}  speedup is ` +
      humanDecimal(speedup, 2, human === 0 ? 0 : 1) + (dryRun ? ' (DRY RUN)' : ''),
  ];
}

/** `6 (reg: 2, dir: 1, link: 1, dev: 1, special: 1)`; types without an entry are left out, `0` stands alone. */
export function counted(counts: TypeCounts, human: HumanLevel): string {
  const parts: string[] = [];
  let sum = 0;
  for (const [label, value] of [
    ['reg', counts.files], ['dir', counts.dirs], ['link', counts.links], ['dev', counts.devices], ['special', counts.specials],
  ] as const) {
    sum += value;
    if (value > 0) parts.push(`${label}: ${humanCount(value, human)}`);
  }
  return humanCount(sum, human) + (parts.length > 0 ? ` (${parts.join(', ')})` : '');
}
