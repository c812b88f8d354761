/** The threads of an export or import: started when the first work comes, given it in turn, answering by number. */
import { ended, Thread } from '../endpoint/index.js';
import { TwintreeError } from '../tree/index.js';
import type { ArchiveThread, FromArchiveThread, ToArchiveThread } from './thread.js';

type Answer = Exclude<FromArchiveThread, { kind: 'failed' }>;

export class ArchiveThreads {
  private readonly threads: Thread[] = [];
  private readonly waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  private next = 0;

  /** @param most threads at most @param setup what the n-th one is started with, from 1 */
  constructor(private readonly most: number, private readonly setup: (slot: number) => ArchiveThread) {}

  get count(): number {
    return Math.max(1, this.threads.length);
  }

  /** Gives work away. Rejects where a thread dies, which no file can cause. */
  ask(message: Exclude<ToArchiveThread, { kind: 'close' }>): Promise<Answer> {
    if (this.threads.length < this.most) this.start();
    const answer = new Promise<Answer>((resolve, reject) => { this.waiting.set(message.id, { resolve, reject }); });
    answer.catch(() => undefined); // it is told where it is awaited
    this.threads[this.next++ % this.threads.length]?.post(message);
    return answer;
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => ended(thread)));
  }

  private start(): void {
    const thread = new Thread(new URL('./worker.js', import.meta.url), this.setup(this.threads.length + 1));
    const fail = (error: Error): void => {
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
    thread.onMessage = (message) => {
      const answer = message as FromArchiveThread;
      if (answer.kind === 'failed') {
        fail(new TwintreeError('INTERNAL', answer.message));
        return;
      }
      this.waiting.get(answer.id)?.resolve(answer);
      this.waiting.delete(answer.id);
    };
    thread.onFailed = fail;
    this.threads.push(thread);
  }
}
