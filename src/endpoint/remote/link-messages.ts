/** What the main thread and the link thread say to each other. Plain data. */
import type { MessagePort } from 'node:worker_threads';
import type { ConnectSpec } from '../../transport/index.js';
import type { ByteString } from '../../tree/index.js';
import type { Compression, ControlMessage, FrameType, Hello } from '../../wire/index.js';
import type { RecordSetup } from '../recorded/recorder.js';
import type { ReplayData } from '../recorded/replay-link.js';
import type { Compressing } from '../supply/messages.js';
import type { Loss } from './channel.js';

/** How a link behaves; see PeerOptions and ConnectOptions. */
export interface LinkOptions {
  /** Who connected is the client; the agent was started by the other host. */
  readonly role: 'client' | 'agent';
  /** Program and version, formats this side can expand, further abilities: see PeerOptions. */
  readonly program?: string;
  readonly compression?: Compression;
  readonly features?: readonly string[];
  /** ms; 0: no limit. */
  readonly connectTimeoutMs: number;
  /** Most bytes a second that are sent; 0 or left out: no limit. */
  readonly bwlimit?: number;
  readonly timeoutMs?: number;
  readonly keepAliveMs?: number;
  readonly probeMs?: number;
  readonly probeBytes?: number;
  readonly handshakeTimeoutMs?: number;
}

/** First data of the link thread. `run` tells the threads of a bundle apart. */
export interface LinkThreadData {
  readonly run: 'link';
  readonly spec: ConnectSpec;
  readonly options: LinkOptions;
  /** A batch answers in place of another host. */
  readonly replay?: ReplayData;
  /** Numbers that the main thread looks at, as Float64: see Counter. */
  readonly counters: SharedArrayBuffer;
}

/** Places in `counters`. Times are milliseconds, 0 where nothing was measured yet; `measuredAt` is since 1970. `slow`: 1 where the link is. */
export enum Counter { In, Out, Queued, Arrived, Latest, Least, InQueue, MeasuredAt, Slow }
export const COUNTERS_BYTES = 9 * 8;

export type ToLink =
  | { readonly kind: 'channel'; readonly number: number; readonly port: MessagePort; readonly state: SharedArrayBuffer }
  | { readonly kind: 'control'; readonly message: ControlMessage }
  /** A frame of items, where this side supplies. */
  | { readonly kind: 'frame'; readonly type: FrameType; readonly channel: number; readonly flags: number; readonly payload: Uint8Array }
  /** Most bytes a second that are sent from now on; 0: no limit. */
  | { readonly kind: 'limit'; readonly bytesPerSecond: number }
  /** Whether requests are compressed from now on; 'auto', as at first: where the link is slow. */
  | { readonly kind: 'pack'; readonly mode: Compressing }
  /** How long the other side may be silent from now on; 0: for ever. */
  | { readonly kind: 'patience'; readonly ms: number }
  /** What goes by on channels from now on is kept in a file … */
  | { readonly kind: 'record'; readonly path: ByteString; readonly setup: RecordSetup }
  /** … that is whole now. */
  | { readonly kind: 'seal' }
  /** The session is over, and another one may follow: its channels are no more. `session`: number of the one that follows. */
  | { readonly kind: 'renew'; readonly session: number }
  /** So much of what came (as `weight` said) has been dealt with. */
  | { readonly kind: 'heard'; readonly weight: number }
  /** The other end broke the protocol: the connection ends with this error. */
  | { readonly kind: 'refuse'; readonly loss: Loss }
  | { readonly kind: 'close' };

export type FromLink =
  | { readonly kind: 'opened'; readonly hello: Hello; readonly at: number; readonly about: string; readonly notices: readonly string[] }
  /** The file of a recording is open. */
  | { readonly kind: 'recording' }
  /** It has its name. */
  | { readonly kind: 'sealed'; readonly bytes: number }
  /** A line for the user: what the other host printed. */
  | { readonly kind: 'text'; readonly text: string }
  /** `weight`: what it costs to hold, until the main thread says that it has dealt with it. */
  | { readonly kind: 'control'; readonly message: ControlMessage; readonly weight: number }
  /** Requests and credit, where this side supplies. */
  | { readonly kind: 'frame'; readonly type: FrameType; readonly channel: number; readonly flags: number; readonly payload: Uint8Array; readonly weight: number }
  /** So many bytes of items of this session, beside those told before, have left. */
  | { readonly kind: 'taken'; readonly bytes: number; readonly session: number }
  /** Also where the connection could not be opened. Nothing but `closed` follows. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  | { readonly kind: 'closed' };
