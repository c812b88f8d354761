/**
 * The key of a pair's kept sums. Sums of a session are keyed so that nobody who does not know the key can make contents whose sums agree; sums that are
 * kept need a key that stays. It is derived for each pair from a secret of the state folder, is told to no one but the other end of the pair, and
 * goes when the secret does: then kept sums are of no use any more, which costs time only.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { errnoText, makeFolders, readWholeFile, writeWholeFile, type Posix } from '../fs/index.js';
import { TwintreeError, type ByteString } from '../tree/index.js';
import { TAG_BYTES } from './store/sum-table.js';

const SECRET_BYTES = 32;

/** 64 bits, as two words. */
interface Seed { readonly low: number; readonly high: number }

/**
 * The seed of the pair that these words name, the same in every run; makes the secret where there is none.
 * @param folder `stateFolder()`, absolute. @throws TwintreeError IO.
 */
export function pairSeed(posix: Posix, folder: ByteString, words: readonly ByteString[]): Seed {
  const mac = createHmac('sha256', secretIn(posix, folder));
  for (const word of words) mac.update(Buffer.from(word, 'latin1')).update('\0');
  const bytes = mac.digest();
  return { low: bytes.readUInt32LE(0), high: bytes.readUInt32LE(4) };
}

/** Tells sums of one key from those of another. */
export function seedTag({ low, high }: Seed): Buffer {
  return createHash('sha256').update(`sums ${low} ${high}`).digest().subarray(0, TAG_BYTES);
}

function secretIn(posix: Posix, folder: ByteString): Buffer {
  const path = `${folder}/key` as ByteString;
  const known = readWholeFile(path, SECRET_BYTES + 1);
  if (typeof known !== 'number' && known.length === SECRET_BYTES) return known;
  const fd = makeFolders(posix, folder, 0o700);
  if (fd < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-fd)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
  posix.close(fd);
  const secret = randomBytes(SECRET_BYTES);
  const error = writeWholeFile(path, secret, 0o600);
  if (error < 0) throw new TwintreeError('IO', `the key of kept sums cannot be written: ${errnoText(-error)}`, { path });
  return secret;
}
