/**
 * Writing through to the disk, which may take the kernel seconds where others have much to write: done off the thread that asks, so that it goes on
 * hearing signals. Several at once share the file system's own work.
 */
import { fsync } from 'node:fs';
import { createRequire } from 'node:module';
import { Errno } from './errno.js';

type AsyncCall = { async(fd: number, done: (error: Error | null, result: number) => void): void };

let bound: AsyncCall | undefined;

/** fsync(2) of an open file or folder: 0 or a negated errno. */
export function fsyncLater(fd: number): Promise<number> {
  return new Promise((resolve) => { fsync(fd, (error) => { resolve(error === null ? 0 : (error.errno ?? -Errno.EIO)); }); });
}

/**
 * syncfs(2) of the file system that a handle lies on: 0, or -EIO where it failed (the reason stays in the other thread, and asking again would not tell it: the
 * kernel tells a failure once). Only where the FFI package serves (`posix.lacks`). @throws where it does not.
 */
export function syncfsLater(fd: number): Promise<number> {
  bound ??= (createRequire(import.meta.url)('koffi') as { load(path: null): { func(name: string, result: string, parameters: string[]): AsyncCall } }).load(null).func('syncfs', 'int', ['int']);
  const call = bound;
  return new Promise((resolve) => { call.async(fd, (error, result) => { resolve(error === null && result === 0 ? 0 : -Errno.EIO); }); });
}
