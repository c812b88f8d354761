/** Who still writes below the source. */
import { openFilesBelow } from '../../fs/index.js';
import type { Writer } from '../../migrate/index.js';
import { displayName, type ByteString } from '../../tree/index.js';

/** Writers that are told at most. */
const MOST = 100;

export async function writersBelow(source: ByteString): Promise<readonly Writer[]> {
  const { files } = await openFilesBelow(source, { writersOnly: true, most: MOST });
  return files.map(({ pid, command, path }) => ({ pid, command, path: path === '' ? './' : displayName(path) }));
}
