/**
 * What a client that pushes answers from: its sources as they are (a sync, a plan that is made), the sources of a kept plan, or a batch. The
 * session at the agent asks all of them in the same way.
 */
import { Supplier, type Mount, type SelectionNode } from '../../endpoint/index.js';
import { loadPosix, type Posix } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { compressPayload, expandPayload, FrameType } from '../../wire/index.js';
import type { Batch } from '../recorded/batch.js';
import { openSources, tellable, type Sources } from '../sources.js';
import type { RemoteRequest } from './client.js';
import type { Line } from './line.js';
import type { Compression, Seed } from './messages.js';
import { SourceState } from './source-state.js';
import { supplySetup, type Answers } from './supply.js';

/** One attempt's end that supplies. */
export interface NearEnd {
  /** As they are told to the agent. */
  readonly sources: Sources;
  /** Key of all sums. */
  readonly seed: Seed;
  /** Answers on this connection from now on, by the line's spare threads; `failed` is told what must end it. */
  answer(line: Line, failed: (error: Error) => void): Answers & { close(): Promise<void> };
  /** Lets go of what is open. Behind `close` of the answers. */
  close(): Promise<void>;
}

/** Opens it. @throws TwintreeError ROOT_CHANGED where the sources of a kept plan are others now. */
export function openNearEnd(request: RemoteRequest, seed: Seed, notice: (code: string, message: string) => void): NearEnd {
  const { work, options } = request;
  const { compression } = request.link;
  if (work?.kind === 'batch') return batchEnd(work.batch, compression);
  const posix = loadPosix();
  if (work?.kind === 'apply') return treeEnd(posix, work.plan.openSources(posix), options, seed, compression, false, work.plan.shared());
  return treeEnd(posix, openSources(posix, request.sources, options, request.dirty, request.moved), options, seed, compression, request.record !== undefined, undefined, (mounts) => SourceState.ofPush(request, posix, mounts, seed, notice));
}

/** @param shared what may be asked for, where that is not what is told. @param keep opens what is kept of what is sent */
function treeEnd(posix: Posix, opened: Sources, options: SessionOptions, seed: Seed, compression: Compression, whole: boolean, shared?: SelectionNode, keep?: (mounts: readonly Mount[]) => SourceState | undefined): NearEnd {
  const close = (): void => { for (const mount of opened.mounts) posix.close(mount.fd); };
  let sources: Sources;
  let state: SourceState | undefined;
  try {
    sources = tellable(posix, opened, options);
    state = keep?.(opened.mounts);
  } catch (error) {
    close();
    throw error;
  }
  return {
    sources, seed,
    close: async () => {
      await state?.close();
      close();
    },
    answer({ link, spare }, failed) {
      const setup = supplySetup(shared === undefined ? sources : { ...sources, selection: shared }, options, seed, compression);
      const supplier = new Supplier({ ...setup, expands: link.hello.compression, link: link.shared, whole, ...(state === undefined ? {} : { sums: state.store }) }, (channel, flags, payload) => { link.sendFrame(FrameType.Items, channel, flags, payload); }, spare);
      supplier.onFailed = failed;
      return supplier;
    },
  };
}

/** Bytes of a batch that may wait for the connection before more is read. */
const MOST_OWED = 64 << 20;

/** A batch in the place of the sources. Its frames go as they stand in the file; with -z those that are not compressed are, where it pays. */
function batchEnd(batch: Batch, compression: Compression): NearEnd {
  return {
    sources: batch.sources, seed: batch.seed, close: async () => undefined,
    answer({ link }, failed) {
      const expands = link.hello.compression;
      let owed = 0; // bytes that the connection has not taken
      const later = new Map<number, number>(); // credit by channel: who grants much and reads nothing does not fill our memory
      const supplier = batch.supplier((channel, flags, payload) => {
        let going = { flags, payload };
        if (flags !== 0 && !expands.brotli) going = { flags: 0, payload: expandPayload(flags, payload) };
        else if (flags === 0 && compression === 'on') going = compressPayload(payload, expands);
        owed += going.payload.length;
        link.sendFrame(FrameType.Items, channel, going.flags, going.payload);
      });
      const guarded = (work: () => void): void => {
        try {
          work();
        } catch (error) {
          failed(error instanceof Error ? error : new Error(String(error)));
        }
      };
      return {
        receive: (channel, flags, payload) => { guarded(() => { supplier.receive(channel, flags, payload); }); },
        credit: (channel, bytes) => {
          if (owed > MOST_OWED) later.set(channel, (later.get(channel) ?? 0) + bytes);
          else guarded(() => { supplier.credit(channel, bytes); });
        },
        taken: (bytes) => {
          owed -= bytes;
          for (const [channel, granted] of later) {
            if (owed > MOST_OWED) return;
            later.delete(channel);
            guarded(() => { supplier.credit(channel, granted); });
          }
        },
        close: async () => undefined,
      };
    },
  };
}
