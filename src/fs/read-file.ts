/** Reads small files of a folder whole, by the folder's handle: filter files in trees. */
import type { ByteString } from '../tree/index.js';
import type { Posix } from './posix.js';

/** Most bytes that are read of one file. */
export const MAX_FILE_IN_TREE = 16 << 20;

/** Content of a file in an open folder (a symlink is followed, as any program would); undefined where it cannot be read. */
export function readFileAt(posix: Pick<Posix, 'open' | 'read' | 'close'>, at: number, name: ByteString): Buffer | undefined {
  const fd = posix.open(at, name, { read: true, follow: true, nonBlock: true });
  if (fd < 0) return undefined;
  try {
    const parts: Buffer[] = [];
    let total = 0;
    while (total <= MAX_FILE_IN_TREE) {
      const part = Buffer.allocUnsafe(65536);
      const got = posix.read(fd, part, 0, part.length, -1);
      if (got <= 0) break;
      total += got;
      parts.push(part.subarray(0, got));
    }
    return Buffer.concat(parts);
  } finally {
    posix.close(fd);
  }
}
