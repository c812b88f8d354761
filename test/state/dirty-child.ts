/**
 * A process that marks paths and prints what was acknowledged, until it is killed: `dirty-child.js STATE-FOLDER ROUND` opens the pair's state,
 * `dirty-child.js PAIR-FOLDER ROUND set` the set alone, which must be there.
 */
import { writeSync } from 'node:fs';
import { DirtyReason, openDirtySet } from '../../src/state/index.js';
import { fromText, type RelPath } from '../../src/tree/index.js';
import { openPair } from './support.js';

const [, , folder, round, alone] = process.argv as [string, string, string, string, string | undefined];
const dirty = alone === undefined ? openPair(folder).dirty : openDirtySet(fromText(folder)).set;
for (let batch = 0; ; batch++) {
  const paths = Array.from({ length: 1 + batch % 5 }, (_, k) => `r${round}/b${batch}/f${k}` as RelPath);
  const marks = paths.map((path) => ({ path, subtree: false, reasons: DirtyReason.Event }));
  if (batch % 2 === 0) dirty.add(marks);
  else {
    dirty.addMany(marks);
    await dirty.durable();
  }
  writeSync(1, `${paths.join(' ')}\n`);
}
