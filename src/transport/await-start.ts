/** Waiting for what another program says first: bytes up to a mark, within the time that a connection may take. */
import type { Duplex } from 'node:stream';
import { TwintreeError } from '../tree/index.js';
import type { Connection, ConnectOptions } from './connection.js';
import type { SeenStart } from './strangers.js';

/** Reads until `enough`; undefined where the stream ended before. The stream is paused afterwards. */
export function waitFor(stream: Duplex, enough: (text: Buffer) => boolean, seen: SeenStart): Promise<Buffer | undefined> {
  let text = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      stream.off('data', take);
      stream.off('end', over);
      stream.off('close', over);
      stream.pause();
    };
    const take = (bytes: Buffer): void => {
      seen.push(bytes);
      text = Buffer.concat([text, bytes]);
      try {
        if (!enough(text)) return;
      } catch (error) {
        stop();
        reject(error as Error);
        return;
      }
      stop();
      resolve(text);
    };
    const over = (): void => {
      stop();
      resolve(undefined);
    };
    stream.on('data', take);
    stream.on('end', over);
    stream.on('close', over);
    stream.resume();
  });
}

/** `work` within the time that a connection may take; the connection is closed where it takes longer. */
export async function within<T>(connection: Connection, options: ConnectOptions, work: Promise<T>): Promise<T> {
  if (options.connectTimeoutMs <= 0) return work;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      connection.close();
      reject(new TwintreeError('CONNECT_TIMEOUT', `${connection.about}: no answer within ${options.connectTimeoutMs / 1000} s (--contimeout)`));
    }, options.connectTimeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
