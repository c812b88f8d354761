/** A thread's part of an import: checks the contents of a batch of small files and restores them. */
import type { ApplyCounters, FolderContext, SharedState } from '../endpoint/index.js';
import { newCounters } from '../endpoint/index.js';
import type { Posix } from '../fs/index.js';
import { OperationWriter } from '../plan/index.js';
import type { Problem } from '../tree/index.js';
import { ContentSum } from './content-sum.js';
import { Restorer, type RestoreSetup } from './restorer.js';
import { unpackFile, type FileBatch } from './small-files.js';

/** What became of a batch. */
export interface BatchRestored {
  counters: ApplyCounters;
  problems: Problem[];
  /** Files whose content is not what was written. */
  damaged: number[];
  /** Files that failed otherwise, and those that were in their place in full. */
  failed: number[];
  same: number;
  /** The operations that were carried out, where they are wanted, and which file each is of. */
  done: { operations: Uint8Array; of: number[] } | undefined;
}

export class RestoreThread {
  private readonly restorer: Restorer;
  private readonly sum = new ContentSum();

  constructor(posix: Posix, setup: RestoreSetup, shared: SharedState, slot: number, private readonly tells: boolean) {
    this.restorer = new Restorer(posix, setup, shared, slot);
  }

  run(batch: FileBatch, bytes: Buffer): BatchRestored {
    const { restorer, sum } = this;
    const { context } = restorer;
    for (const [id, name] of batch.users) restorer.names.users.set(id, name as never);
    for (const [id, name] of batch.groups) restorer.names.groups.set(id, name as never);
    const counters = (context.counters = newCounters());
    const result: BatchRestored = { counters, problems: [], damaged: [], failed: [], same: 0, done: undefined };
    const writer = this.tells ? new OperationWriter() : undefined;
    const of: number[] = [];
    const extras = new Map(batch.extras);
    const folders = batch.folders.map(({ path, fresh, setgid, gid, defaultAcl }): FolderContext => ({ path, fd: -1, fresh, setgid, gid, ...(defaultAcl === undefined ? {} : { defaultAcl }) }));
    for (let k = 0; k < batch.names.length; k++) {
      const { member, folder, name, content, stored, hash, map, skip } = unpackFile(batch, k, extras.get(k));
      const at = folders[folder];
      if (at === undefined || context.aborted()) {
        result.failed.push(k);
        continue;
      }
      const whole = bytes.subarray(content, content + stored);
      if (hash !== undefined && sum.of(whole) !== hash) {
        result.damaged.push(k);
        continue;
      }
      const { restored, op } = restorer.entry(at, name, member, whole.subarray(skip), map);
      if (restored === 'failed') result.failed.push(k);
      else if (restored === 'same') result.same++;
      else if (op !== undefined && restored === 'done' && writer !== undefined) {
        writer.write(op);
        of.push(k);
      }
    }
    result.problems = restorer.takeProblems();
    if (writer !== undefined) result.done = { operations: Uint8Array.from(writer.slice(0)), of };
    return result;
  }

  close(): void {
    this.restorer.close();
  }
}
