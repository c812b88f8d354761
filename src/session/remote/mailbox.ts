/** Messages in the order they came, for someone who waits for them one by one. */
import type { TwintreeError } from '../../tree/index.js';
import type { ControlMessage } from '../../wire/index.js';

export class Mailbox {
  private readonly held: ControlMessage[] = [];
  private error: TwintreeError | undefined;
  private waiting: { resolve(message: ControlMessage): void; reject(error: TwintreeError): void } | undefined;

  /** @param heard is called for each message that somebody takes */
  constructor(private readonly heard: () => void = () => undefined) {}

  put(message: ControlMessage): void {
    const { waiting } = this;
    if (waiting === undefined) this.held.push(message);
    else {
      this.waiting = undefined;
      this.heard();
      waiting.resolve(message);
    }
  }

  /** Nothing has come that was not taken. */
  get empty(): boolean {
    return this.held.length === 0;
  }

  /** No more will come; what came is handed out first. */
  fail(error: TwintreeError): void {
    this.error ??= error;
    this.waiting?.reject(this.error);
    this.waiting = undefined;
  }

  /** The next message. @throws the error of `fail`. */
  next(): Promise<ControlMessage> {
    const message = this.held.shift();
    if (message !== undefined) {
      this.heard();
      return Promise.resolve(message);
    }
    if (this.error !== undefined) return Promise.reject(this.error);
    return new Promise((resolve, reject) => { this.waiting = { resolve, reject }; });
  }
}
