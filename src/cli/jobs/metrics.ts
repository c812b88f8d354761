/** Metrics of all jobs, as the agent gives them: kept in a file for the textfile collector of Prometheus' node exporter, and served over HTTP. */
import { errnoText, loadOwnPosix, replaceFile } from '../../fs/index.js';
import { jobMetricsText, mirrorWords, newTotals, type AgentJob, type JobConfig, type JobHistory, type JobNow } from '../../job/index.js';
import { METRICS_TYPE, readStatus, type MirrorStatus } from '../../mirror/index.js';
import { servePage, type PageServer } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { mirrorPair } from '../commands/mirror-pair.js';
import { processContext } from '../commands/shared.js';
import { parseMirror } from '../options/index.js';
import { asBytes } from './catalog.js';

/** What is asked for; at least one of them. */
export interface AgentMetricsOptions {
  readonly file: ByteString | undefined;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** What is known of the jobs at a moment. */
export interface JobsNow { readonly jobs: ReadonlyMap<string, JobConfig>; readonly agent: readonly AgentJob[] }

/** Milliseconds between two looks. */
const EVERY = 10_000;

export class AgentMetrics {
  private readonly posix = loadOwnPosix();
  private text = '';
  private server: PageServer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private fault = '';

  /** @param trouble told once where a look or a writing fails, as long as that lasts. */
  constructor(private readonly options: AgentMetricsOptions, private readonly state: ByteString, private readonly history: JobHistory, private readonly now: () => JobsNow, private readonly trouble: (message: string) => void) {}

  /** Begins. @throws TwintreeError IO where it cannot listen, or the file cannot be written: nobody would look at numbers that never come. */
  async start(): Promise<PageServer | undefined> {
    const { file, listen } = this.options;
    this.text = await this.collect();
    const error = file === undefined ? 0 : replaceFile(file, this.text, 0o644);
    if (error < 0) throw new TwintreeError('IO', `the metrics cannot be written: ${errnoText(-error)}`, { path: file as ByteString });
    if (listen !== undefined) this.server = await servePage(listen.host, listen.port, METRICS_TYPE, () => this.text);
    this.timer = setInterval(() => { this.looking ??= this.look(); }, EVERY);
    this.timer.unref();
    return this.server;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
    await this.server?.close();
  }

  private async look(): Promise<void> {
    const { file } = this.options;
    let fault = '';
    try {
      this.text = await this.collect();
      const error = file === undefined ? 0 : replaceFile(file, this.text, 0o644);
      if (error < 0) fault = `the metrics cannot be written: ${errnoText(-error)}`;
    } catch (error) {
      fault = `the metrics cannot be collected: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (fault !== '' && fault !== this.fault) this.trouble(fault);
    this.fault = fault;
    this.looking = undefined;
  }

  private async collect(): Promise<string> {
    const { jobs, agent } = this.now();
    const standings = new Map((await this.history.standings()).map((each) => [each.job, each]));
    return jobMetricsText([...jobs.values()].map((job): JobNow => {
      const known = agent.find(({ name }) => name === job.name);
      return {
        standing: standings.get(job.name) ?? { job: job.name, totals: newTotals(), last: undefined, ended: undefined }, live: job.mode === 'live' ? this.mirrors(job) : [],
        next: known?.due ?? null, paused: known?.paused === true, waiting: known?.waiting ?? 0,
      };
    }));
  }

  /** How the mirrors of a live job stand that are at work. */
  private mirrors(job: JobConfig): MirrorStatus[] {
    const parsed = parseMirror(asBytes(mirrorWords(job)), processContext());
    if (parsed.kind !== 'run') return [];
    return parsed.targets.flatMap(({ target, host }) => {
      const found = readStatus(this.posix, this.state, mirrorPair(parsed.source, target, host));
      return found?.alive === true ? [found.status] : [];
    });
  }
}
