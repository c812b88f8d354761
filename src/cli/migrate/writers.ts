import type { Writer } from '../../migrate/index.js';
import type { ByteString } from '../../tree/index.js';

export async function writersBelow(_source: ByteString): Promise<readonly Writer[]> {
  return Promise.resolve([]);
}
