/**
 * The agent: the end of a connection that was started by the other one. It is bound by its own command line (AgentLimits), never by what the
 * client says. As `supplier` it reads for a session that runs at the client; as `session` it runs the session on its own target and tells
 * the client what happens.
 */
import { Link, Open, selectContents, selectionNode, Supplier } from '../../endpoint/index.js';
import { loadOwnPosix, type Posix } from '../../fs/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { FrameType, type ControlMessage } from '../../wire/index.js';
import type { Outcome, SessionListener } from '../events.js';
import { openMounts, type SealedMount } from '../recorded/roots.js';
import { optionsOf, runApply, type ApplyRequest } from '../recorded/run-kept.js';
import { contentOf, sealedBytes } from '../recorded/seal.js';
import type { SealedPlan } from '../recorded/sealed-plan.js';
import { CUT_OFF, runSync, type SyncRequest } from '../run.js';
import { openSources, tellable, type Sources } from '../sources.js';
import { allowedOptions, bindTo, checkKept, type AgentLimits } from './confine.js';
import { SelectionReader, sourceMessages } from './describe.js';
import { OperationSender, writeError, writeOutcome, writeProblem, writeProgress, writeTotals } from './events.js';
import { Mailbox } from './mailbox.js';
import { FilesReader, readOpen, type OpenSession, type OpenSupplier } from './messages.js';
import { PlanReceiver, PlanSender } from './plan-parts.js';
import { SourceState } from './source-state.js';
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
  const link = await Link.open(spec, { role: 'agent', connectTimeoutMs: 0, ...(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }) });
  const inbox = new Mailbox(() => { link.heard(); });
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
    await supply(link, inbox, bindTo(limits), { ...open, sources: open.sources.map(rootItself), options: { ...options, filesFrom: files.whole ?? filesFrom } }, limits.root === undefined);
  } else {
    if (!limits.mayWrite) throw new TwintreeError('REFUSED', 'this side is for reading only');
    // How much is kept would follow what the client says its sources are.
    if (limits.root !== undefined && options.state === true) throw new TwintreeError('REFUSED', 'this side keeps no state for its clients: --state is refused', { advice: 'Leave --state out, or pull from the other host.' });
    if (open.work === 'plan' || open.work === 'apply') checkKept(limits);
    await receive(link, inbox, bindTo(limits), { ...open, options }, limits);
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

/** @param mayKeep with --state sums of what is sent are kept here: how much would follow what the client asks for */
async function supply(link: Link, inbox: Mailbox, posix: Posix, open: OpenSupplier, mayKeep: boolean): Promise<void> {
  const { options } = open;
  const sources = tellable(posix, open.roots === undefined ? openSources(posix, open.sources, options) : openWhole(posix, open.roots), options);
  link.limit(open.bwlimit);
  const state = mayKeep && open.roots === undefined ? SourceState.ofAgent(options, posix, open.sources, sources.mounts, open.seed) : undefined;
  const setup = { ...supplySetup(sources, options, open.seed, open.compression), expands: link.hello.compression, ...(state === undefined ? {} : { sums: state.store }) };
  const supplier = new Supplier(setup, (channel, flags, payload) => { link.sendFrame(FrameType.Items, channel, flags, payload); });
  const failed = new Promise<never>((_resolve, reject) => {
    supplier.onFailed = (error) => { reject(asTwintreeError(error)); };
  });
  attach(link, supplier);
  try {
    for (const message of sourceMessages(sources)) link.send(message);
    await Promise.race([untilClosed(inbox), failed]);
  } finally {
    await supplier.close();
    await state?.close();
    for (const mount of sources.mounts) posix.close(mount.fd);
  }
}

async function receive(link: Link, inbox: Mailbox, posix: Posix, open: OpenSession, limits: AgentLimits): Promise<void> {
  const sources = await described(inbox);
  const plan = open.work === 'apply' ? await receivePlan(inbox, (message) => { link.send(message); }) : undefined;
  try {
    await session(link, inbox, posix, open, limits, sources, plan);
  } finally {
    plan?.close();
  }
}

async function session(link: Link, inbox: Mailbox, posix: Posix, open: OpenSession, limits: AgentLimits, sources: Sources, plan: SealedPlan | undefined): Promise<void> {
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
  const sender = open.work === 'plan' ? new PlanSender((message) => { tell(message); }) : undefined;
  const closed = untilClosed(inbox, abort, sender).then(() => undefined, (error: unknown) => {
    // The connection is gone, or the client said what it may not say: whoever reads the source meets the same error and tells it.
    sender?.end();
    link.refuse(asTwintreeError(error as Error));
    abort.abort(CUT_OFF);
    return error;
  });
  const { lineage, target, options } = open;
  const from = { link, sources, seed: open.seed, ...(open.work === 'batch' ? { recorded: true } : {}) };
  const request: SyncRequest = { sources: open.sources, target, options, from, posix, lineage };
  let outcome: Outcome;
  if (plan !== undefined) outcome = await applyHere(plan, request, limits, listener, abort.signal);
  else if (sender === undefined) outcome = await runSync(request, listener, abort.signal);
  else outcome = await runSync({ ...request, options: { ...options, dryRun: true }, keep: (made) => sender.run(sealedBytes(contentOf({ ...made, request }, Date.now()))) }, listener, abort.signal);
  tell({ type: 'outcome', outcome: writeOutcome(outcome) });
  const cutOff = await closed;
  if (cutOff !== undefined && outcome.aborted) throw cutOff; // it was too early for a reader of the source to meet it
}

/** A plan that the client sends: the sources are its own, the target is here. What is done is the plan's, how it is done is as `request` says. */
async function applyHere(plan: SealedPlan, request: SyncRequest, limits: AgentLimits, listener: SessionListener, signal: AbortSignal): Promise<Outcome> {
  const { dryRun, threads, lock } = request.options;
  const how: ApplyRequest = { dryRun, lock, bwlimit: 0, ...(threads === undefined ? {} : { threads }) };
  if (plan.head.target.path !== request.target) throw new TwintreeError('WIRE', 'the plan is for another target than the client named');
  return runApply(plan, how, listener, signal, { ...(request.from === undefined ? {} : { from: request.from }), ...(request.posix === undefined ? {} : { posix: request.posix }), ...(request.lineage === undefined ? {} : { lineage: request.lineage }), options: allowedOptions(optionsOf(plan, how), limits) });
}

/** The plan that follows the description of the sources. @throws TwintreeError PLAN_FILE, WIRE, ABORTED. */
async function receivePlan(inbox: Mailbox, send: (message: ControlMessage) => void): Promise<SealedPlan> {
  const receiver = new PlanReceiver(loadOwnPosix(), send);
  try {
    while (!receiver.whole) {
      const message = await inbox.next();
      if (message.type === 'abort') throw new TwintreeError('ABORTED', 'the run was ended before the plan had come');
      if (message.type !== 'plan-part') throw new TwintreeError('WIRE', `a message "${message.type}" where a plan was due`);
      receiver.take(message);
    }
    return receiver.finish();
  } catch (error) {
    receiver.discard();
    throw error;
  }
}

/** The folders of a plan, whole: what of them the client asks for is its own affair, as what it names as sources is. */
function openWhole(posix: Posix, roots: readonly SealedMount[]): Sources {
  const selection = selectionNode();
  roots.forEach((_, mount) => { selectContents(selection, mount, Open.Tree); });
  return { mounts: openMounts(posix, roots), selection, problems: [], missing: 0, skipped: [], single: undefined };
}

/** The supplier's description of its sources. */
export async function described(inbox: Pick<Mailbox, 'next'>): Promise<Sources> {
  const selection = new SelectionReader();
  for (;;) {
    const message = await inbox.next();
    if (message.type === 'opened') return selection.finish(message);
    if (!selection.take(message)) throw new TwintreeError('WIRE', `a message "${message.type}" where the sources should be described`);
  }
}

/**
 * Reads on while the session works; `abort` ends it. Resolves at `close`. `sender`: a plan is sent meanwhile.
 * @throws TwintreeError where the connection is lost, and WIRE for any other message.
 */
async function untilClosed(inbox: Mailbox, abort?: AbortController, sender?: PlanSender): Promise<void> {
  for (;;) {
    const message = await inbox.next();
    if (message.type === 'close') return;
    if (message.type === 'plan-credit' && sender !== undefined) sender.grant(message);
    else if (message.type === 'abort' && abort !== undefined) {
      sender?.end();
      abort.abort();
    } else throw new TwintreeError('WIRE', `a message "${message.type}" while the session runs`);
  }
}
