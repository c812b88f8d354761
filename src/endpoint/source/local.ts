/** The source on this host: the kernel itself, with nothing between the caller and its calls. */
import type { Posix } from '../../fs/index.js';
import type { SourceFs } from './types.js';

/** A Posix that is read as a source. It has no member `remote`, which therefore reads as undefined. */
export type LocalSource = Posix & { readonly remote: undefined } & SourceFs;

/** The local source. The same object: a wrapper would cost a call for every call. */
export function localSource(posix: Posix): LocalSource {
  return posix as LocalSource;
}
