/** What runs in an archive thread: segments are made, or small files restored, one message after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { SharedState, type Mount } from '../endpoint/index.js';
import { loadWorkingPosix } from '../fs/index.js';
import type { SessionOptions } from '../plan/index.js';
import { RestoreThread, type BatchRestored } from './restore-thread.js';
import type { RestoreSetup } from './restorer.js';
import { SEGMENT_ROOM, SegmentMaker, type FolderPart, type Segment } from './segment.js';
import type { FileBatch } from './small-files.js';

/** What a thread is started with. */
export type ArchiveThread =
  | { run: 'archive'; kind: 'export'; options: SessionOptions; mounts: Mount[] }
  /** `memory`: of the SharedState; `tells`: operations are wanted back. */
  | { run: 'archive'; kind: 'import'; setup: RestoreSetup; memory: SharedArrayBuffer; slot: number; tells: boolean };

export type ToArchiveThread =
  /** `room` is shared memory that the segment is made in. */
  | { kind: 'make'; id: number; parts: FolderPart[]; room: SharedArrayBuffer }
  /** `room` holds the contents. */
  | { kind: 'restore'; id: number; batch: FileBatch; room: SharedArrayBuffer }
  | { kind: 'close' };

export type FromArchiveThread =
  | { kind: 'made'; id: number; segment: Segment }
  | { kind: 'restored'; id: number; result: BatchRestored }
  | { kind: 'failed'; message: string };

/** Serves the thread that started this one. Throws where this is not a worker thread. */
export function serveArchive(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  const setup = workerData as ArchiveThread;
  const posix = loadWorkingPosix();
  const maker = setup.kind === 'export' ? new SegmentMaker(posix, setup.options, setup.mounts) : undefined;
  const restorer = setup.kind === 'import' ? new RestoreThread(posix, setup.setup, new SharedState(setup.memory), setup.slot, setup.tells) : undefined;
  const say = (answer: FromArchiveThread): void => { port.postMessage(answer); };
  const handle = async (message: ToArchiveThread): Promise<void> => {
    switch (message.kind) {
      case 'make':
        if (maker !== undefined) say({ kind: 'made', id: message.id, segment: await maker.make(message.parts, Buffer.from(message.room, 0, SEGMENT_ROOM)) });
        break;
      case 'restore':
        if (restorer !== undefined) say({ kind: 'restored', id: message.id, result: restorer.run(message.batch, Buffer.from(message.room)) });
        break;
      case 'close':
        maker?.finish();
        restorer?.close();
        port.close();
        break;
    }
  };
  let turn: Promise<void> = Promise.resolve();
  port.on('message', (message: ToArchiveThread) => {
    turn = turn.then(() => handle(message)).catch((error: unknown) => { say({ kind: 'failed', message: error instanceof Error ? error.stack ?? error.message : String(error) }); });
  });
}
