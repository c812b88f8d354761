/** --only-write-batch: reads what the plan would transfer, in its order, and changes nothing. What goes by is recorded by the link. */
import { announce, fetchContent, type ApplyRunner, type FolderContext, type SharedState } from '../../endpoint/index.js';
import { emptyOperation, OpKind, OperationReader, type Operation } from '../../plan/index.js';
import { EMPTY, type Problem, type RelPath } from '../../tree/index.js';
import type { PlanStore } from '../plan-store.js';
import type { Resolver } from '../resolve.js';

/** Files that are asked for ahead. */
const AHEAD = 64;
/** Milliseconds between two turns of the event loop, as far as single files allow. */
const SLICE = 10;

/** What reading needs. */
export interface ContentReading {
  readonly store: PlanStore;
  readonly resolver: Resolver;
  readonly runner: ApplyRunner;
  readonly shared: SharedState;
  problem(problem: Problem): void;
  /** A file was read. */
  read(): void;
}

/** Reads all content. Lets the event loop run in between, so that signals are heard. @throws TwintreeError where the connection is lost. */
export async function readContent(reading: ContentReading): Promise<void> {
  const { store, resolver, shared } = reading;
  const op = emptyOperation();
  let folder: RelPath = EMPTY;
  let ahead: { folder: FolderContext; op: Operation }[] = [];
  for (const chunk of store.chunks(0)) {
    for (const reader = new OperationReader(chunk); !reader.done && !shared.aborted;) {
      reader.next(op);
      if (op.kind === OpKind.Folder) {
        folder = op.name;
        continue;
      }
      resolver.adapt(op, folder);
      if (op.kind !== OpKind.File || op.alt > 0) continue;
      ahead.push({ folder: { path: folder, fd: -1, fresh: false, setgid: false, gid: 0 }, op: structuredClone(op) });
      if (ahead.length < AHEAD) continue;
      await readAll(reading, ahead);
      ahead = [];
    }
  }
  if (!shared.aborted) await readAll(reading, ahead);
}

async function readAll({ runner, shared, problem, read }: ContentReading, files: readonly { folder: FolderContext; op: Operation }[]): Promise<void> {
  const { context } = runner;
  let turn = performance.now() + SLICE;
  for (const { folder, op } of files) announce(context, folder, op);
  for (const { folder, op } of files) {
    if (shared.aborted) return;
    folder.fd = context.targetFolders.open(folder.path);
    if (fetchContent(context, folder, op)) read();
    for (const each of runner.takeProblems()) problem(each);
    if (performance.now() < turn) continue;
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    turn = performance.now() + SLICE;
  }
}
