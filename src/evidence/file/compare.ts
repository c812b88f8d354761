/** Compares two evidence files: what changed on the target between them. Both are checked as they are read; nothing else is looked at. */
import { EMPTY, type ByteString } from '../../tree/index.js';
import { Cursor } from '../compare/cursor.js';
import { TreeMerge, type TreeDifference } from './check.js';
import { EvidenceReading, readEvidence, type ReadEvidence } from './read.js';
import { badEvidence } from './statement.js';

/** The older on the left. `missing`: the newer has it no more; `extra`: it is new. @throws TwintreeError EVIDENCE, IO. */
export async function compareEvidence(
  older: ByteString, newer: ByteString, tell: (difference: TreeDifference) => void = () => undefined, signal: AbortSignal = new AbortController().signal,
): Promise<{ older: ReadEvidence; newer: ReadEvidence; differences: number }> {
  // Whether they prove anything is known at their ends: nothing is told before.
  const [a, b] = [await readEvidence(older, signal), await readEvidence(newer, signal)];
  if (a.folder !== b.folder) throw badEvidence(`one is of ${a.folder === EMPTY ? 'the whole tree' : 'a folder'}, the other is not of the same`, newer);
  const [left, right] = [new EvidenceReading(older, signal), new EvidenceReading(newer, signal)];
  try {
    const merge = new TreeMerge(new Cursor(left), new Cursor(right), a.folder, tell);
    await merge.run();
    for (const [reading, read, path] of [[left, a, older], [right, b, newer]] as const) {
      if (reading.end().statementLine !== read.statementLine) throw badEvidence('it was changed while it was read', path);
    }
    return { older: a, newer: b, differences: merge.differences };
  } finally {
    left.close();
    right.close();
  }
}
