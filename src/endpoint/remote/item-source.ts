/** The items of a channel one after the other, across payloads; and requests gathered into payloads. */
import { TwintreeError } from '../../tree/index.js';
import { ItemReader, RequestWriter, WireError, type Item, type Request } from '../../wire/index.js';
import type { SyncChannel } from './channel.js';
import type { ToldNames } from './told-names.js';

/** Bytes of requests that are sent without being asked to. */
const MOST_GATHERED = 64 << 10;

/** Reads and writes one channel. */
export class ItemSource {
  private reader: ItemReader | undefined;
  private readonly writer = new RequestWriter();

  /** @param names learns what items tell of users and groups */
  constructor(private readonly channel: SyncChannel, private readonly names: ToldNames) {}

  /** Whether the next item is there already. Throws as `next` does. */
  get comes(): boolean {
    return valid(() => {
      while (this.reader?.done !== false) {
        const payload = this.channel.take();
        if (payload === undefined) return false;
        this.reader = new ItemReader(payload);
      }
      return true;
    });
  }

  /** The next item; what was gathered is sent before. Blocks; throws as SyncChannel.receive does, and WIRE for what is not valid. */
  next(): Item {
    return valid(() => {
      while (this.reader?.done !== false) {
        this.flush();
        this.reader = new ItemReader(this.channel.receive());
      }
      const item = this.reader.next();
      if (item.kind === 'folder') this.names.take(item.users, item.groups);
      return item;
    });
  }

  /** Adds a request to those that `flush` sends, and returns its length in bytes. */
  add(request: Request): number {
    const before = this.writer.length;
    this.writer.write(request);
    const length = this.writer.length - before;
    if (this.writer.length >= MOST_GATHERED) this.flush();
    return length;
  }

  flush(): void {
    if (this.writer.length > 0) this.channel.send(this.writer.take());
  }
}

function valid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) throw new TwintreeError('WIRE', `the other host broke the protocol: ${error.message}`, { cause: error });
    throw error;
  }
}
