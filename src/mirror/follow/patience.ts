/** A session that waits for another host does not keep a mirror from ending. */
import { TwintreeError } from '../../tree/index.js';

/** Never resolves; rejects (ABORTED) where `work` has not ended within `patienceMs` after the signal, and says so to `left` before. */
export async function outOfPatience(work: Promise<unknown>, signal: AbortSignal, patienceMs: number, left: () => void): Promise<never> {
  return new Promise((_resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const leave = (): void => {
      timer = setTimeout(() => {
        left();
        reject(new TwintreeError('ABORTED', 'the session did not end'));
      }, patienceMs);
    };
    const over = (): void => {
      signal.removeEventListener('abort', leave);
      clearTimeout(timer);
    };
    signal.addEventListener('abort', leave);
    work.then(over, over);
  });
}
