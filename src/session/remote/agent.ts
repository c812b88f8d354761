/**
 * The agent: the end of a connection that was started by the other one. It is bound by its own command line (AgentLimits), never by what the
 * client says. As `supplier` it reads for a session that runs at the client; as `session` it runs the session on its own target and tells
 * the client what happens.
 */
import { Link, Supplier } from '../../endpoint/index.js';
import type { Posix } from '../../fs/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { FrameType, type ControlMessage } from '../../wire/index.js';
import type { SessionListener } from '../events.js';
import { CUT_OFF, runSync } from '../run.js';
import { openSources, type Sources } from '../sources.js';
import { allowedOptions, bindTo, type AgentLimits } from './confine.js';
import { describeSources, SelectionReader } from './describe.js';
import { OperationSender, writeError, writeOutcome, writeProblem, writeProgress, writeTotals } from './events.js';
import { Mailbox } from './mailbox.js';
import { FilesReader, readOpen, type OpenSession, type OpenSupplier } from './messages.js';
import { asTwintreeError, attach, supplySetup } from './supply.js';

/** How an agent serves. */
export interface AgentOptions {
  /** What the connection is; this process' stdin and stdout without it. */
  spec?: ConnectSpec;
  /** Time until both ends know each other, ms; 0: no limit. */
  handshakeTimeoutMs?: number;
  /** Ends the session in good order. */
  signal?: AbortSignal;
  /** Called when both ends know each other: from here on `signal` is heeded. */
  opened?(): void;
}

/**
 * Serves one connection until it ends. Resolves with the error that ended the session, where one did: the client has been told of it, or is
 * gone.
 * @param limitsFor what is allowed for the root that the client names (undefined: none was named); it throws REFUSED for one that is not served, and may drop privileges
 * @throws TwintreeError where no connection came to stand.
 */
export async function serveAgent(limitsFor: (root: ByteString | undefined) => AgentLimits, how: AgentOptions = {}): Promise<TwintreeError | undefined> {
  const { spec = { kind: 'stdio' }, handshakeTimeoutMs, signal } = how;
  const inbox = new Mailbox();
  const link = await Link.open(spec, { role: 'agent', connectTimeoutMs: 0, ...(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }) });
  link.onControl = (message) => { inbox.put(message); };
  link.onLost = (error) => { inbox.fail(error); };
  how.opened?.();
  const end = (): void => { inbox.fail(new TwintreeError('ABORTED', 'the other end was told to stop')); };
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end);
  try {
    await serveSession(link, inbox, limitsFor, handshakeTimeoutMs);
    return undefined;
  } catch (error) {
    if (!(error instanceof TwintreeError) || error.code !== 'CONNECTION_LOST') link.send({ type: 'error', ...writeError(error) });
    return error instanceof TwintreeError ? error : new TwintreeError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    signal?.removeEventListener('abort', end);
    await link.close();
  }
}

/** From the first message to the end of the session. What the client says is read and judged before a root is opened. */
async function serveSession(link: Link, inbox: Mailbox, limitsFor: (root: ByteString | undefined) => AgentLimits, patience: number | undefined): Promise<void> {
  const files = new FilesReader();
  let message = await soon(inbox, patience);
  for (; message.type === 'files'; message = await soon(inbox, patience)) files.add(message['files']);
  if (message.type !== 'open') throw new TwintreeError('WIRE', `a message "${message.type}" before the session was opened`);
  const open = readOpen(message);
  link.patience(open.timeoutMs);
  const limits = limitsFor(open.root);
  const options = allowedOptions(open.options, limits);
  if (open.side === 'supplier') {
    if (!limits.mayRead) throw new TwintreeError('REFUSED', 'this side is for writing only');
    if (options.replace.removeSourceFiles && !limits.mayWrite) throw new TwintreeError('REFUSED', 'this side is for reading only: --remove-source-files is refused');
    const { filesFrom } = options;
    await supply(link, inbox, bindTo(limits), { ...open, sources: open.sources.map(rootItself), options: { ...options, filesFrom: files.whole ?? filesFrom } });
  } else {
    if (!limits.mayWrite) throw new TwintreeError('REFUSED', 'this side is for reading only');
    await receive(link, inbox, bindTo(limits), { ...open, options });
  }
}

/** Shortest time between two messages of progress, ms. */
const LEAST_PROGRESS = 50;

/** The next message, within `patience` ms where that is given: who says nothing holds no place for long. */
async function soon(inbox: Mailbox, patience: number | undefined): Promise<ControlMessage> {
  const timer = patience === undefined || patience === 0 ? undefined : setTimeout(() => { inbox.fail(new TwintreeError('TIMEOUT', 'the client did not say what it wants')); }, patience);
  try {
    return await inbox.next();
  } finally {
    clearTimeout(timer);
  }
}

/** A root that is named without a path is its content. */
function rootItself(path: ByteString): ByteString {
  return path === '' ? ('.' as ByteString) : path;
}

async function supply(link: Link, inbox: Mailbox, posix: Posix, open: OpenSupplier): Promise<void> {
  const { options } = open;
  const sources = openSources(posix, open.sources, options);
  link.limit(open.bwlimit);
  const setup = { ...supplySetup(sources, options, open.seed, open.compression), expands: link.hello.compression };
  const supplier = new Supplier(setup, (channel, flags, payload) => { link.sendFrame(FrameType.Items, channel, flags, payload); });
  const failed = new Promise<never>((_resolve, reject) => {
    supplier.onFailed = (error) => { reject(asTwintreeError(error)); };
  });
  attach(link, supplier);
  try {
    const { selection, rest } = describeSources(sources);
    for (const nodes of selection) link.send({ type: 'selection', nodes });
    link.send({ type: 'opened', ...rest });
    await Promise.race([untilClosed(inbox), failed]);
  } finally {
    await supplier.close();
    for (const mount of sources.mounts) posix.close(mount.fd);
  }
}

async function receive(link: Link, inbox: Mailbox, posix: Posix, open: OpenSession): Promise<void> {
  const sources = await described(inbox);
  const operations = new OperationSender((message) => { link.send(message as ControlMessage); });
  const tell = (message: ControlMessage): void => {
    operations.flush();
    link.send(message);
  };
  const listener: SessionListener = {
    notice: (code, message) => { tell({ type: 'notice', code, message }); },
    plan: (totals) => { tell({ type: 'plan', totals: writeTotals(totals) }); },
    problem: (problem) => { tell({ type: 'problem', problem: writeProblem(problem) }); },
    ...(open.wants.progress > 0 ? { progress: (progress) => { tell({ type: 'progress', progress: writeProgress(progress) }); }, progressEvery: Math.max(LEAST_PROGRESS, open.wants.progress) } : {}),
    wantsOperations: open.wants.operations,
    operation: (op, path, result) => { operations.add(op, path, result); },
  };
  const abort = new AbortController();
  const closed = untilClosed(inbox, abort);
  const outcome = await runSync({ sources: open.sources, target: open.target, options: open.options, from: { link, sources, seed: open.seed }, posix, lineage: open.lineage }, listener, abort.signal);
  tell({ type: 'outcome', outcome: writeOutcome(outcome) });
  await closed;
}

/** The supplier's description of its sources. */
export async function described(inbox: Pick<Mailbox, 'next'>): Promise<Sources> {
  const selection = new SelectionReader();
  for (;;) {
    const message = await inbox.next();
    if (message.type === 'selection') selection.add(message['nodes']);
    else if (message.type === 'opened') return selection.finish(message);
    else throw new TwintreeError('WIRE', `a message "${message.type}" where the sources should be described`);
  }
}

/** Reads on while the session works; `abort` ends it. Resolves at `close`, or where the connection is lost: then the session ends too. */
async function untilClosed(inbox: Mailbox, abort?: AbortController): Promise<void> {
  try {
    for (;;) {
      const message = await inbox.next();
      if (message.type === 'abort') abort?.abort();
      else if (message.type === 'close') return;
    }
  } catch {
    abort?.abort(CUT_OFF); // the connection is gone: whoever reads the source meets the same error and tells it
  }
}
