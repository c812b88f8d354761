/** What walkers count, as one sum. */
import { addCounts, typeCounts } from '../../tree/index.js';
import { addChanges, noChanges } from '../place-notes.js';
import type { ScanFindings } from './types.js';

/** Findings of a walk that has not begun. */
export function emptyFindings(): ScanFindings {
  return {
    entries: typeCounts(), targetEntries: 0, totalSize: 0, problems: [], incomplete: false, grouped: 0, linkedNew: 0, removableFiles: 0,
    bytesNeeded: 0, bytesReplaced: 0, bytesRemoved: 0, largestReplaced: 0, transferFiles: 0, transferBytes: 0, creates: typeCounts(), deletes: typeCounts(),
    attributeChanges: 0, operations: 0, lost: [], fileSystems: [],
  };
}

/** Adds the findings of another walker. */
export function addFindings(into: ScanFindings, more: ScanFindings): void {
  addCounts(into.entries, more.entries);
  addCounts(into.creates, more.creates);
  addCounts(into.deletes, more.deletes);
  into.targetEntries += more.targetEntries;
  into.totalSize += more.totalSize;
  into.problems.push(...more.problems);
  into.incomplete ||= more.incomplete;
  into.grouped += more.grouped;
  into.removableFiles += more.removableFiles;
  into.bytesNeeded += more.bytesNeeded;
  into.bytesReplaced += more.bytesReplaced;
  into.bytesRemoved += more.bytesRemoved;
  into.largestReplaced = Math.max(into.largestReplaced, more.largestReplaced);
  into.transferFiles += more.transferFiles;
  into.transferBytes += more.transferBytes;
  into.attributeChanges += more.attributeChanges;
  into.operations += more.operations;
  if (more.places !== undefined) {
    into.places ??= noChanges();
    addChanges(into.places, more.places);
  }
  for (const seen of more.fileSystems) if (!into.fileSystems.some(({ device }) => device === seen.device)) into.fileSystems.push(seen);
  for (const lost of more.lost) {
    const known = into.lost.find((l) => l.kind === lost.kind);
    if (known === undefined) into.lost.push({ ...lost });
    else {
      known.count += lost.count;
      if (lost.paths !== undefined) known.paths = [...(known.paths ?? []), ...lost.paths];
    }
  }
}
