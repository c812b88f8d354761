/** What a Supplier is given, from the sources that were opened. */
import { availableParallelism } from 'node:os';
import type { Link, Supplier, SupplySetup } from '../../endpoint/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { FrameType, WireError } from '../../wire/index.js';
import { sourcePlace, type Sources } from '../sources.js';
import type { Compression, Seed } from './messages.js';

/** Threads that supply at most by themselves. */
const MOST_THREADS = 4;

/** How a link is measured that much is sent over; little costs nothing. */
export const LINK_PROBES = { probeMs: 250, probeBytes: 64 << 10 };

export function supplySetup(sources: Sources, options: SessionOptions, seed: Seed, compression: Compression): SupplySetup {
  return {
    options, mounts: sources.mounts, selection: sources.selection, seed, compression, threads: options.threads ?? Math.min(MOST_THREADS, availableParallelism()),
    filterPlace: { contents: sources.selection.mounts.length > 0, source: sourcePlace(sources), target: '/' as ByteString },
  };
}

/** Who answers a session: a Supplier, or what stands in its place. */
export type Answers = Pick<Supplier, 'receive' | 'credit' | 'taken'>;

/** Joins a supplier to the connection: the session's requests and credit reach it. */
export function attach(link: Link, supplier: Answers): void {
  link.onFrame = (frame) => {
    if (frame.type === FrameType.Requests) supplier.receive(frame.channel, frame.flags, frame.payload);
    else if (frame.type === FrameType.Credit) supplier.credit(frame.channel, frame.payload.readUInt32LE(0));
  };
  link.onTaken = (bytes) => { supplier.taken(bytes); };
}

/** What ended a supplier, as an error of the session. */
export function asTwintreeError(error: Error): TwintreeError {
  return error instanceof TwintreeError ? error : new TwintreeError(error instanceof WireError ? 'WIRE' : 'INTERNAL', error.message, { cause: error });
}
