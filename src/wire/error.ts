/** What can be wrong with bytes that came from the other end. Any of it ends the connection: nothing behind it can be trusted. */

/** Stable codes; docs/protocol.md says when each arises. */
export type WireErrorCode =
  | 'magic' // the other end does not speak this protocol
  | 'version' // no protocol version in common
  | 'frame' // a type, flag or channel that a frame cannot have
  | 'checksum' // damaged on the way
  | 'limit' // a length, count or nesting past the limits
  | 'truncated' // ended inside a frame or message
  | 'compression' // cannot be expanded, or to another length than was said
  | 'kind' // an unknown message or operation
  | 'range' // a number or index outside its range, or bytes left over
  | 'name' // a name or path that cannot be one, or out of order
  | 'json'; // not the JSON that belongs there

/** Bytes from the other end that break the protocol; the sentence is for people. */
export class WireError extends Error {
  constructor(readonly code: WireErrorCode, message: string, more: { cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'WireError';
  }
}
