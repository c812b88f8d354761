/** Metrics of a running mirror: kept in a file for the textfile collector of Prometheus' node exporter, and served over HTTP, as the options say. */
import { errnoText, replaceFile } from '../../fs/index.js';
import { METRICS_TYPE, metricsText, type FollowerListener, type MirrorListener, type MirrorStatus } from '../../mirror/index.js';
import { servePage, type PageServer } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';

export interface MetricsOptions {
  file: ByteString | undefined;
  listen: { host: string; port: number } | undefined;
}

/** Milliseconds between two writings of the file, while nothing but numbers changes. */
const FILE_EVERY = 5000;

export class MirrorMetrics {
  private readonly statuses = new Map<string, MirrorStatus>();
  private written = -Infinity;
  private fault = 0;
  private server: PageServer | undefined;

  /** @param trouble told once where the file cannot be written, as long as that lasts. */
  constructor(private readonly options: MetricsOptions, private readonly trouble: (message: string) => void, private readonly clock: () => number = () => performance.now()) {}

  /** Begins to serve. @throws TwintreeError IO where that, or the file, is not possible: nobody would look at numbers that never come. */
  async start(): Promise<PageServer | undefined> {
    const { file, listen } = this.options;
    const error = file === undefined ? 0 : this.write(file);
    if (error < 0) throw new TwintreeError('IO', `the metrics cannot be written: ${errnoText(-error)}`, { path: file as ByteString });
    if (listen !== undefined) this.server = await servePage(listen.host, listen.port, METRICS_TYPE, () => this.text());
    return this.server;
  }

  /** The same listener, of whose statuses this takes note too. */
  watching(listener: MirrorListener): MirrorListener {
    if (this.options.file === undefined && this.options.listen === undefined) return listener;
    return {
      watching: (capture) => listener.watching?.(capture),
      condition: (condition) => listener.condition?.(condition),
      follower: (target) => this.following(listener.follower?.(target) ?? {}),
    };
  }

  text(): string {
    return metricsText([...this.statuses.values()]);
  }

  async close(): Promise<void> {
    const { file } = this.options;
    if (file !== undefined && this.statuses.size > 0) this.write(file);
    await this.server?.close();
  }

  private following(listener: FollowerListener): FollowerListener {
    const heard = (status: MirrorStatus): void => this.heard(status);
    return new Proxy(listener, { // whatever else it is told
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'status') return (status: MirrorStatus): void => { target.status?.(status); heard(status); };
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  private heard(status: MirrorStatus): void {
    const before = this.statuses.get(status.target);
    this.statuses.set(status.target, status);
    const { file } = this.options;
    if (file === undefined || (before?.phase === status.phase && this.clock() - this.written < FILE_EVERY)) return;
    const error = this.write(file);
    if (error < 0 && error !== this.fault) this.trouble(`the metrics cannot be written: ${errnoText(-error)}`);
    this.fault = error;
  }

  private write(file: ByteString): number {
    this.written = this.clock();
    return replaceFile(file, this.text(), 0o644);
  }
}
