/**
 * Fence: who works on a target now, and on behalf of whom. A client that was cut off comes back with a new session while the old one
 * may still be running on the target's host, waiting for a connection that is gone: the new one takes the target over, the old one
 * sees it and ends. Only the same client may do so; everybody else waits for the lock. The lock itself is the kernel's: this file only
 * says whose turn it is.
 */
import { errnoText, makeFolders, readWholeFile, writeWholeFile, type Posix } from '../fs/index.js';
import { TwintreeError, type ByteString } from '../tree/index.js';

/** Who works on a target. Both are hexadecimal. */
export interface Holder {
  /** The client's run: the same for all its attempts. */
  lineage: string;
  /** One session. */
  session: string;
}

const LIMIT = 4096;
const HEX = /^[0-9a-f]{1,64}$/;

export class Fence {
  private readonly file: ByteString;

  /** @param folder the state folder. @param identity the target root's, `StatTable.identity`. */
  constructor(private readonly posix: Posix, private readonly folder: ByteString, identity: string) {
    this.file = `${folder}/${identity.replaceAll(':', '-')}.holder.json` as ByteString;
  }

  /** Who says that the target is theirs; undefined where nobody does, or what stands there cannot be read. */
  read(): Holder | undefined {
    const content = readWholeFile(this.file, LIMIT);
    if (typeof content === 'number') return undefined;
    try {
      const value = JSON.parse(content.toString('latin1')) as Partial<Record<string, unknown>> | null;
      const { lineage, session } = value ?? {};
      return typeof lineage === 'string' && typeof session === 'string' && HEX.test(lineage) && HEX.test(session) ? { lineage, session } : undefined;
    } catch {
      return undefined; // written by somebody else, or half: then nobody is told apart, and the lock alone decides
    }
  }

  /** Says that the target is `holder`'s from now on. @throws TwintreeError IO. */
  write(holder: Holder): void {
    const fd = makeFolders(this.posix, this.folder, 0o700);
    if (fd < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-fd)}`, { path: this.folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    this.posix.close(fd);
    const error = writeWholeFile(this.file, `${JSON.stringify(holder)}\n`, 0o600);
    if (error < 0) throw new TwintreeError('IO', `the note of who works on the target cannot be written: ${errnoText(-error)}`, { path: this.file });
  }
}
