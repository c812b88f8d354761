/**
 * What runs in a worker thread: walks folders and carries out batches, with synchronous calls. The thread's file is
 * worker.ts, or the bundle's. Where the source is on another host, messages that wait are looked at before the thread blocks
 * on the first of them, so that the content of all its batches travels at once.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { loadWorkingPosix, type NameList } from '../../fs/index.js';
import { TwintreeError } from '../../tree/index.js';
import { RemoteSource } from '../remote/remote-source.js';
import { digestsServe, TargetFolders } from '../remote/target-folders.js';
import { Walker, type ScanSetup } from '../scan/index.js';
import { Renames } from '../../plan/index.js';
import { localSource, type SourceFs } from '../source/index.js';
import { idMapper } from '../ids.js';
import { ApplyRunner } from './apply-runner.js';
import { askHashes, compareFiles, type AskedHashes } from './compare-files.js';
import { SharedState, type FromWorker, type ToWorker } from './messages.js';

/** Serves the main thread until it ends this one. Throws where this is not a worker thread. */
export function serve(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  let { memory, slot } = workerData as { memory: SharedArrayBuffer; slot: number };
  let shared = new SharedState(memory);
  const posix = loadWorkingPosix();
  let source: SourceFs = localSource(posix);
  let comparable = false; // the other host may send digests
  let remote: RemoteSource | undefined;
  let walker: Walker | undefined;
  let runner: ApplyRunner | undefined;
  let task = 0;
  const waiting: ToWorker[] = [];
  const asked = new WeakMap<object, AskedHashes>(); // by the pairs of a message
  let lost = false;

  function say(message: FromWorker, transfer: ArrayBuffer[] = []): void {
    port?.postMessage(message, transfer);
  }

  port.on('message', (message: ToWorker) => {
    if (remote === undefined) {
      handle(message);
      return;
    }
    waiting.push(message);
    for (;;) {
      lookAhead();
      const next = waiting.shift();
      if (next === undefined) return;
      try {
        handle(next);
      } catch (error) {
        // The connection is lost, or the peer broke the protocol: that ends the session, which the main thread does.
        if (!(error instanceof TwintreeError)) throw error;
        if (!lost) say({ kind: 'failed', code: error.code, message: error.message, advice: error.advice });
        lost = true;
      }
    }
  });

  /** Takes the messages that are there already and asks for the content they need. */
  function lookAhead(): void {
    if (lost || remote === undefined) return;
    try {
      // What comes while a batch is looked at is taken in the same way. All are announced in the order in which they will be carried out:
      // content that is asked for behind that of a later batch would be passed over, and asked for again.
      for (let at = 0; ; at++) {
        takeWaiting();
        const message = waiting[at];
        if (message === undefined || message.kind === 'apply-setup') break; // batches behind it are for a runner that is yet to come
        if (message.kind === 'apply') runner?.announce(message.parts);
        else if (message.kind === 'compare' && !asked.has(message.pairs)) asked.set(message.pairs, askHashes(posix, remote, message.target, message.pairs));
      }
      remote.flush();
    } catch (error) {
      if (!(error instanceof TwintreeError)) throw error; // carrying it out meets the same loss and tells it
    }
  }

  /** Takes the messages that are there already. */
  function takeWaiting(): void {
    for (let more = port === null ? undefined : receiveMessageOnPort(port); more !== undefined; more = port === null ? undefined : receiveMessageOnPort(port)) waiting.push(more.message as ToWorker);
  }

  function handle(message: ToWorker): void {
    switch (message.kind) {
      case 'link':
        remote = new RemoteSource(message.stream, message.questions, message.setup);
        source = remote;
        comparable = message.setup.recorded !== true && message.setup.whole !== true;
        break;
      case 'scan':
        walker = new Walker(
          posix, source, message.setup,
          {
            chunk: (stream, bytes) => say({ kind: 'chunk', task, stream, bytes }, [bytes.buffer as ArrayBuffer]),
            hole: (hole) => say({ kind: 'hole', task, hole }),
          },
          { aborted: () => shared.aborted, scanned: (n) => shared.addScanned(n), hungry: () => shared.hungry > 0 },
          idMapper(message.setup.options, source.remote), slot * 1_000_000,
        );
        if (remote !== undefined) begin(remote, walker, message.setup);
        break;
      case 'walk':
        task = message.task;
        walk(message.run);
        say({ kind: 'walked', task });
        break;
      case 'finish-scan':
        if (walker === undefined) throw new Error('finish before scan');
        walker.close();
        say({ kind: 'findings', findings: walker.findings });
        walker = undefined;
        if (!shared.aborted) remote?.endWalk();
        break;
      case 'apply-setup':
        runner = new ApplyRunner(posix, message.setup, shared, slot, source);
        break;
      case 'apply':
        if (runner === undefined) throw new Error('apply before its set-up');
        say({ kind: 'applied', id: message.id, result: runner.run(message.parts) });
        break;
      case 'compare':
        say({ kind: 'compared', id: message.id, same: compare(message) });
        break;
      case 'leave':
        leave();
        say({ kind: 'left' });
        break;
      case 'session':
        ({ memory, slot } = message);
        shared = new SharedState(memory);
        break;
      case 'close':
        leave();
        port?.close();
        break;
    }
  }

  /** Closes what is open of the session, and forgets it. */
  function leave(): void {
    walker?.close();
    runner?.close();
    remote?.end();
    walker = runner = remote = undefined;
    source = localSource(posix);
    comparable = lost = false;
    task = 0;
  }

  /** Has the walk sent ahead; with -m once before, since it has to be known which folders are empty before the first of them comes. */
  function begin(from: RemoteSource, walking: Walker, setup: ScanSetup): void {
    try {
      if (comparable && setup.options.walk.pruneEmptyDirs) {
        from.beginWalk();
        walking.findEmpty();
        from.endWalk();
      }
      from.beginWalk(undefined, targetFolders(setup));
    } catch (error) {
      if (!(error instanceof TwintreeError && error.code === 'ABORTED' && shared.aborted)) throw error;
    }
  }

  /** The target's folders, where comparing them with digests serves. */
  function targetFolders({ target, options, renames, places }: ScanSetup): TargetFolders | undefined {
    if (!comparable || remote === undefined || target < 0 || places?.empty === true || !digestsServe(options)) return undefined;
    const names: NameList = { names: [], types: [] };
    if (posix.list(target, names) < 0 || names.names.length === 0) return undefined; // nothing there can be the same
    return new TargetFolders(posix, target, remote.seed, renames === undefined ? undefined : new Renames(renames));
  }

  function walk(run: Extract<ToWorker, { kind: 'walk' }>['run']): void {
    if (walker === undefined) throw new Error('walk before scan');
    walker.startRun(run);
    while (!ended(walker)) {
      const given = walker.give();
      if (given === undefined) continue;
      shared.addHungry(-1);
      say({ kind: 'given', ...given });
    }
  }

  /** One step of the walk. An abort that wakes it from waiting for the other host is as one that it sees itself. */
  function ended(walking: Walker): boolean {
    try {
      return walking.step(Infinity);
    } catch (error) {
      if (error instanceof TwintreeError && error.code === 'ABORTED' && shared.aborted) return walking.step(Infinity);
      throw error;
    }
  }

  function compare({ mounts, target, pairs }: Extract<ToWorker, { kind: 'compare' }>): boolean[] {
    try {
      return compareFiles(posix, source, mounts, target, pairs, shared, asked.get(pairs));
    } catch (error) {
      if (error instanceof TwintreeError && error.code === 'ABORTED' && shared.aborted) return pairs.map(() => false);
      throw error;
    }
  }
}
