/**
 * Capture by chokidar: where the kernel's own calls cannot be used, or by choice. It watches each file and folder, and it does not
 * see everything (`notes`): a full reconciliation must come more often with it. Lives on its thread's event loop, and is loaded only
 * where it is used.
 */
import { watch, type FSWatcher } from 'chokidar';
import type { Posix } from '../../fs/index.js';
import { EMPTY, fromText, toBytes, TwintreeError, type RelPath } from '../../tree/index.js';
import { isTrouble, Root } from './root.js';
import type { BackendOptions, CaptureState, Sink } from './types.js';

export class ChokidarBackend {
  readonly name = 'chokidar';
  readonly notes: readonly string[] = [
    'An overflow of the kernel\'s queue is not told, names that are not UTF-8 are seen as their folder, and a change of a folder\'s mode or owner is not seen.',
  ];
  state: CaptureState = 'starting';
  events = 0;
  watches = 0;
  unwatched = 0;
  overflows = 0;
  private readonly root: Root;
  private watcher: FSWatcher | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly path: string;

  constructor(posix: Posix, private readonly options: BackendOptions, private readonly sink: Sink, private readonly changed: () => void) {
    this.root = new Root(posix, undefined, options.root);
    this.path = toBytes(options.root).toString('utf8');
  }

  async start(): Promise<void> {
    if (fromText(this.path) !== this.options.root) throw new TwintreeError('UNSUPPORTED', 'chokidar cannot follow a folder whose path is not UTF-8', { path: this.options.root });
    const trouble = this.root.with(() => undefined);
    if (isTrouble(trouble)) throw new TwintreeError('SOURCE_MISSING', trouble.message, { path: this.options.root, advice: 'The folder to follow must be there when following starts.' });
    await this.watch();
    this.timer = setInterval(() => this.checkRoot(), this.options.rootCheckMs);
  }

  adopt(): void {
    this.root.forget();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.state = 'stopped';
    await this.watcher?.close();
  }

  private async watch(): Promise<void> {
    const watcher = watch(this.path, {
      atomic: false, awaitWriteFinish: false, followSymlinks: false, ignoreInitial: true, ignorePermissionErrors: true, persistent: true,
      ignored: (path, stats) => stats?.isDirectory() === true && this.leftOut(path),
    });
    this.watcher = watcher;
    watcher.on('all', (event, path) => this.event(event, path));
    watcher.on('error', (error) => this.trouble(error));
    await new Promise<void>((resolve) => { watcher.once('ready', resolve); });
    this.state = 'watching';
    this.watches = Object.values(watcher.getWatched()).reduce((sum, names) => sum + names.length, 0);
  }

  private leftOut(path: string): boolean {
    const { below, whole } = this.below(path);
    return whole && below !== '' && this.options.prune(below);
  }

  private event(event: string, path: string): void {
    if (this.state === 'lost') return;
    this.events++;
    const { below, whole } = this.below(path);
    if (!whole) this.sink.hint(below, 'subtree', 'unclear');
    else if (event === 'addDir') this.sink.hint(below, 'subtree', 'created');
    else if (event === 'unlink' || event === 'unlinkDir') {
      this.sink.hint(below, 'entry', 'deleted', { gone: true, complete: true });
      if (below === '') this.checkRoot();
    } else this.sink.hint(below, 'entry', event === 'add' ? 'created' : 'modified');
    this.changed();
  }

  /** Path below the root; where it is not UTF-8, the deepest folder of it that is (`whole` false). */
  private below(path: string): { below: RelPath; whole: boolean } {
    if (path === this.path || !path.startsWith(this.path)) return { below: EMPTY, whole: path === this.path };
    const parts = path.slice(this.path.length).split('/').filter((part) => part !== '');
    const bad = parts.findIndex((part) => part.includes('\ufffd'));
    return { below: fromText((bad < 0 ? parts : parts.slice(0, bad)).join('/')), whole: bad < 0 };
  }

  private trouble(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code;
    const limit = code === 'ENOSPC' || code === 'EMFILE';
    this.sink.condition(limit ? 'watch-limit' : 'trouble', EMPTY, limit ? 'no more watches for this user: parts of the tree are not seen' : `chokidar reports ${String(error)}`, 'dirty');
    this.sink.hint(EMPTY, 'subtree', 'unclear');
    this.changed();
  }

  private checkRoot(): void {
    const trouble = this.root.with(() => undefined);
    if (isTrouble(trouble) === (this.state === 'lost')) return;
    if (isTrouble(trouble)) {
      this.state = 'lost';
      this.sink.condition('root-lost', EMPTY, trouble.message, 'wait');
      this.changed();
      void this.watcher?.close();
      return;
    }
    this.state = 'starting';
    void this.watch().then(() => {
      this.sink.condition('root-back', EMPTY, 'the root is there again', 'dirty');
      this.sink.hint(EMPTY, 'subtree', 'root');
      this.changed();
      return undefined;
    }, (error: unknown) => this.trouble(error));
  }
}

