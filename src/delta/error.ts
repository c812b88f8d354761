/** What can be wrong with a signature or a delta that came from elsewhere. */

/** Stable codes. */
export type DeltaErrorCode =
  | 'magic' // another kind of data
  | 'version' // a later format
  | 'truncated' // ended too early
  | 'checksum' // damaged
  | 'limit' // a length or count past the limits
  | 'range' // points outside the basis or against itself
  | 'basis' // not the basis that the delta was made for, or one that cannot be read
  | 'mismatch'; // the result has another hash than the source had

/** A signature or delta that cannot be used; the sentence is for people. */
export class DeltaError extends Error {
  constructor(readonly code: DeltaErrorCode, message: string) {
    super(message);
    this.name = 'DeltaError';
  }
}
