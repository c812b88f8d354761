/** A connection that stands before it is needed: what it costs to reach a host is paid before a source is frozen. */
import type { Connection } from '../../transport/index.js';

export class SpareConnection {
  private spare: Promise<Connection> | undefined;

  constructor(private readonly open: () => Promise<Connection>) {}

  /** Makes it, where there is none that stands. @throws TwintreeError as `open`. */
  async make(): Promise<void> {
    const spare = (this.spare ??= this.open());
    try {
      const connection = await spare;
      void connection.ended.finally(() => { if (this.spare === spare) this.spare = undefined; });
    } catch (error) {
      this.spare = undefined;
      throw error;
    }
  }

  /** The one that stands, or a new one; it is the caller's from then on. */
  take(): Promise<Connection> {
    const { spare } = this;
    this.spare = undefined;
    return spare ?? this.open();
  }

  /** Ends one that nobody has taken. */
  async close(): Promise<void> {
    const connection = await this.spare?.catch(() => undefined); // it never came to stand
    this.spare = undefined;
    connection?.close();
  }
}
