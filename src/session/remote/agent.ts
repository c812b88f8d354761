/**
 * The agent: the end of a connection that was started by the other one. It is bound by its own command line (AgentLimits), never by what the
 * client says. As `supplier` it reads for a session that runs at the client; as `session` it runs the session on its own target and tells
 * the client what happens.
 */
import { Link, Open, selectContents, selectionNode, SpareThreads, Supplier } from '../../endpoint/index.js';
import { loadOwnPosix, type Posix } from '../../fs/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { DOUBT, DURABLE, FrameType, STANDBY, STANDING, type ControlMessage } from '../../wire/index.js';
import type { Outcome, SessionListener } from '../events.js';
import { openMounts, type SealedMount } from '../recorded/roots.js';
import { optionsOf, runApply, type ApplyRequest } from '../recorded/run-kept.js';
import { contentOf, sealedBytes } from '../recorded/seal.js';
import type { SealedPlan } from '../recorded/sealed-plan.js';
import { CUT_OFF, runSync, type SyncRequest } from '../run.js';
import { Tenure } from '../target-lock.js';
import { absolute, openSources, tellable, type Sources } from '../sources.js';
import { promotedAmong, promotedError, StandbyKeeper } from '../standby.js';
import { allowedOptions, bindTo, checkKept, type AgentLimits } from './confine.js';
import { SelectionReader, sourceMessages } from './describe.js';
import { OperationSender, writeError, writeLost, writeOutcome, writeProblem, writeProgress, writeTotals } from './events.js';
import { writeFacts } from './facts.js';
import { Mailbox } from './mailbox.js';
import { FilesReader, readOpen, readPoint, type OpenSession, type OpenSupplier, type PointTold } from './messages.js';
import { PlanReceiver, PlanSender } from './plan-parts.js';
import { SourceState } from './source-state.js';
import { asTwintreeError, attach, LINK_PROBES, supplySetup } from './supply.js';

/** How an agent serves. */
export interface AgentOptions {
  /** What the connection is; this process' stdin and stdout without it. */
  spec?: ConnectSpec;
  /** Time until both ends know each other, ms; 0: no limit. */
  handshakeTimeoutMs?: number;
  /** Time that a connection may wait for its next session, ms; 0: no limit. Default: an hour. */
  idleMs?: number;
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
  const { spec = { kind: 'stdio' }, handshakeTimeoutMs, idleMs = MOST_IDLE, signal } = how;
  const link = await Link.open(spec, { role: 'agent', features: [STANDING, DURABLE, STANDBY, DOUBT], ...LINK_PROBES, connectTimeoutMs: 0, ...(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }) });
  const inbox = new Mailbox(() => { link.heard(); });
  const agent = new Agent(link, inbox, limitsFor);
  link.onControl = (message) => {
    if (message.type !== 'point') return inbox.put(message);
    agent.told(message);
    link.heard();
  };
  link.onLost = (error) => { inbox.fail(error); };
  how.opened?.();
  const end = (): void => { inbox.fail(new TwintreeError('ABORTED', 'the other end was told to stop')); };
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end);
  try {
    for (let patience = handshakeTimeoutMs; await agent.serve(patience) === 'again'; patience = idleMs);
    return undefined;
  } catch (error) {
    if (!(error instanceof TwintreeError) || error.code !== 'CONNECTION_LOST') link.send({ type: 'error', ...writeError(forPeer(error, link)) });
    return error instanceof TwintreeError ? error : new TwintreeError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    signal?.removeEventListener('abort', end);
    await link.close();
    await agent.close();
  }
}

/** An older client does not know what a promotion is. */
function forPeer(error: unknown, link: Link): unknown {
  if (!(error instanceof TwintreeError) || error.code !== 'PROMOTED' || link.hello.features.includes(STANDBY)) return error;
  return new TwintreeError('REFUSED', error.message, error.advice === undefined ? {} : { advice: error.advice });
}

/** What outlives a session here. */
type Kept = Required<Pick<SyncRequest, 'tenure' | 'spare'>>;

/** What follows a session: nothing, or another one over the same connection. */
type Next = 'close' | 'again';

/**
 * The sessions of one connection, one after the other. Who the client is, the root and the limits are settled by the first one; each of them is judged by
 * itself, and begins with nothing of the one before but the note that the target is this connection's.
 */
class Agent {
  private served: { root: ByteString | undefined; limits: AgentLimits; posix?: Posix } | undefined;
  private tenure: Tenure | undefined;
  private readonly spare = new SpareThreads();
  private readonly keeper = new StandbyKeeper();
  private point: PointTold | undefined;
  private keptAt = -Infinity;
  private toldAt = -Infinity;
  private working = false;

  constructor(private readonly link: Link, private readonly inbox: Mailbox, private readonly limitsFor: (root: ByteString | undefined) => AgentLimits) {}

  /** From the first message to the end of a session. What the client says is read and judged before a root is opened. @param patience ms to wait for it, 0 or undefined: for ever */
  async serve(patience: number | undefined): Promise<Next> {
    const { link, inbox } = this;
    const files = new FilesReader();
    const next = (): Promise<ControlMessage> => soon(inbox, patience, () => this.toldAt);
    let message = await next();
    if (message.type === 'close' && this.served !== undefined) return 'close';
    for (; message.type === 'files'; message = await next()) files.add(message['files']);
    if (message.type !== 'open') throw new TwintreeError('WIRE', `a message "${message.type}" before the session was opened`);
    const open = readOpen(message);
    link.patience(open.timeoutMs);
    const limits = this.limits(open.root);
    const options = allowedOptions(open.options, limits);
    if (open.side === 'supplier') {
      if (!limits.mayRead) throw new TwintreeError('REFUSED', 'this side is for writing only');
      if (options.replace.removeSourceFiles && !limits.mayWrite) throw new TwintreeError('REFUSED', 'this side is for reading only: --remove-source-files is refused');
      const { filesFrom } = options;
      await supply(link, inbox, this.posix(limits), { ...open, sources: open.sources.map(rootItself), options: { ...options, filesFrom: files.whole ?? filesFrom } }, limits.root === undefined);
      return 'close';
    }
    if (!limits.mayWrite) throw new TwintreeError('REFUSED', 'this side is for reading only');
    // How much is kept would follow what the client says its sources are.
    if (limits.root !== undefined && options.state === true) throw new TwintreeError('REFUSED', 'this side keeps no state for its clients: --state is refused', { advice: 'Leave --state out, or pull from the other host.' });
    if (open.work === 'plan' || open.work === 'apply') checkKept(limits);
    if (this.tenure?.lineage !== open.lineage) this.tenure = new Tenure(open.lineage);
    this.working = true;
    try {
      return await receive(link, inbox, this.posix(limits), { ...open, options }, limits, { tenure: this.tenure, spare: this.spare });
    } finally {
      this.working = false;
    }
  }

  /** A mirror tells how far the target of its last session is. Before one has begun to work there is nothing that this could be about. */
  told(message: ControlMessage): void {
    try {
      this.point = readPoint(message);
      const now = performance.now();
      if (this.served !== undefined) this.toldAt = now;
      if (now - this.keptAt >= LEAST_POINT) this.keepPoint(now); // else with the next one, or at the connection's end
    } catch (error) {
      this.inbox.fail(asTwintreeError(error as Error));
    }
  }

  private keepPoint(now: number): void {
    const { point } = this;
    const target = this.tenure?.last;
    if (point === undefined || target === undefined) return;
    this.point = undefined;
    this.keptAt = now;
    const promotion = promotedAmong(() => target.chain);
    if (promotion !== undefined) {
      if (!this.working) this.inbox.fail(promotedError(promotion, target.path)); // a session under way finds it by itself
      return;
    }
    try {
      this.keeper.keep(target.chain[0], within(this.served?.limits.root, target.path), point.point, point.last);
    } catch (error) {
      if (!(error instanceof TwintreeError) || error.code !== 'IO') throw error; // no place for notes here, as for the one of who works on the target
    }
  }

  /** Ends what outlived the sessions. */
  async close(): Promise<void> {
    this.keepPoint(performance.now());
    await this.spare.close();
  }

  /** Found once: it may take a place among the root's connections, and drop privileges. @throws TwintreeError REFUSED. */
  private limits(root: ByteString | undefined): AgentLimits {
    this.served ??= { root, limits: this.limitsFor(root) };
    if (this.served.root !== root) throw new TwintreeError('REFUSED', 'one connection serves one root');
    return this.served.limits;
  }

  /** The process is bound once, and stays so. */
  private posix(limits: AgentLimits): Posix {
    const served = this.served as { posix?: Posix };
    return (served.posix ??= bindTo(limits));
  }
}

/** How long a connection may wait for its next session, where the client does not end it, ms. */
const MOST_IDLE = 3_600_000;
/** Shortest time between two notes of how far a target is, ms. */
const LEAST_POINT = 300;
/** Shortest time between two messages of progress, ms. */
const LEAST_PROGRESS = 50;

/**
 * The next message, within `patience` ms where that is given: who says nothing holds no place for long.
 * @param toldAt when a mirror last told how far its target is (performance.now()): it is not silent
 */
async function soon(inbox: Mailbox, patience: number | undefined, toldAt: () => number): Promise<ControlMessage> {
  let timer: NodeJS.Timeout | undefined;
  const wait = (ms: number): void => {
    timer = setTimeout(() => {
      const rest = toldAt() + (patience ?? 0) - performance.now();
      if (rest > 0) wait(rest);
      else inbox.fail(new TwintreeError('TIMEOUT', 'the client did not say what it wants'));
    }, ms);
  };
  if (patience !== undefined && patience > 0) wait(patience);
  try {
    return await inbox.next();
  } finally {
    clearTimeout(timer);
  }
}

/** Where a path of a served root is on this host. */
function within(root: ByteString | undefined, path: ByteString): ByteString {
  return root === undefined ? absolute(path) : (`${root}/${path}`.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '') as ByteString);
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
  const setup = { ...supplySetup(sources, options, open.seed, open.compression), expands: link.hello.compression, link: link.shared, ...(state === undefined ? {} : { sums: state.store }) };
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

async function receive(link: Link, inbox: Mailbox, posix: Posix, open: OpenSession, limits: AgentLimits, kept: Kept): Promise<Next> {
  link.pack(open.compression ?? 'auto');
  const sources = await described(inbox);
  const plan = open.work === 'apply' ? await receivePlan(inbox, (message) => { link.send(message); }) : undefined;
  try {
    return await session(link, inbox, posix, open, limits, kept, sources, plan);
  } finally {
    plan?.close();
  }
}

async function session(link: Link, inbox: Mailbox, posix: Posix, open: OpenSession, limits: AgentLimits, kept: Kept, sources: Sources, plan: SealedPlan | undefined): Promise<Next> {
  const operations = new OperationSender((message) => { link.send(message as ControlMessage); });
  const tell = (message: ControlMessage): void => {
    operations.flush();
    link.send(message);
  };
  const listener: SessionListener = {
    notice: (code, message) => { tell({ type: 'notice', code, message }); },
    plan: (totals) => { tell({ type: 'plan', totals: writeTotals(totals) }); },
    problem: (problem) => { tell({ type: 'problem', problem: writeProblem(problem) }); },
    ...(open.wants.target === true ? { target: (facts) => { tell({ type: 'target', target: writeFacts(facts) }); } } : {}),
    ...((open.wants.lost ?? 0) === 0 ? {} : { lostPaths: open.wants.lost as number, lost: (lost) => { for (const part of writeLost(lost)) tell({ type: 'lost', ...part }); } }),
    ...(open.wants.progress > 0 ? { progress: (progress) => { tell({ type: 'progress', progress: writeProgress(progress) }); }, progressEvery: Math.max(LEAST_PROGRESS, open.wants.progress) } : {}),
    wantsOperations: open.wants.operations,
    operation: (op, path, result) => { operations.add(op, path, result); },
  };
  const abort = new AbortController();
  const sender = open.work === 'plan' ? new PlanSender((message) => { tell(message); }) : undefined;
  let over = false;
  const ended = untilClosed(inbox, { abort, ...(sender === undefined ? {} : { sender }), mayGoOn: () => over }).then((next) => ({ next, error: undefined }), (error: unknown) => {
    // The connection is gone, or the client said what it may not say: whoever reads the source meets the same error and tells it.
    sender?.end();
    link.refuse(asTwintreeError(error as Error));
    abort.abort(CUT_OFF);
    return { next: 'close' as const, error };
  });
  const { target, options } = open;
  const from = { link, sources, seed: open.seed, ...(open.work === 'batch' ? { recorded: true } : {}) };
  const request: SyncRequest = { sources: open.sources, target, options, from, posix, ...kept };
  let outcome: Outcome;
  if (plan !== undefined) outcome = await applyHere(plan, request, limits, listener, abort.signal);
  else if (sender === undefined) outcome = await runSync(request, listener, abort.signal);
  else outcome = await runSync({ ...request, options: { ...options, dryRun: true }, keep: (made) => sender.run(sealedBytes(contentOf({ ...made, request }, Date.now()))) }, listener, abort.signal);
  link.renew(); // nothing of this session leaves behind its outcome
  over = true;
  tell({ type: 'outcome', outcome: writeOutcome(outcome) });
  const { next, error } = await ended;
  if (error !== undefined && outcome.aborted) throw error; // it was too early for a reader of the source to meet it
  return next;
}

/** A plan that the client sends: the sources are its own, the target is here. What is done is the plan's, how it is done is as `request` says. */
async function applyHere(plan: SealedPlan, request: SyncRequest, limits: AgentLimits, listener: SessionListener, signal: AbortSignal): Promise<Outcome> {
  const { dryRun, threads, lock } = request.options;
  const how: ApplyRequest = { dryRun, lock, bwlimit: 0, ...(threads === undefined ? {} : { threads }) };
  if (plan.head.target.path !== request.target) throw new TwintreeError('WIRE', 'the plan is for another target than the client named');
  return runApply(plan, how, listener, signal, { ...(request.from === undefined ? {} : { from: request.from }), ...(request.posix === undefined ? {} : { posix: request.posix }), ...(request.tenure === undefined ? {} : { tenure: request.tenure }), ...(request.spare === undefined ? {} : { spare: request.spare }), options: allowedOptions(optionsOf(plan, how), limits) });
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

/** What a client may say while a session works here. */
interface Meanwhile {
  /** It ends the session. */
  abort: AbortController;
  /** A plan is sent to it. */
  sender?: PlanSender;
  /** The outcome was told: another session may follow. */
  mayGoOn(): boolean;
}

/**
 * Reads on while the session works. Resolves at `close` or `again`.
 * @throws TwintreeError where the connection is lost, and WIRE for any other message.
 */
async function untilClosed(inbox: Mailbox, { abort, sender, mayGoOn }: Partial<Meanwhile> = {}): Promise<Next> {
  for (;;) {
    const message = await inbox.next();
    if (message.type === 'close') return 'close';
    if (message.type === 'again' && mayGoOn?.() === true) return 'again';
    if (message.type === 'plan-credit' && sender !== undefined) sender.grant(message);
    else if (message.type === 'abort' && abort !== undefined) {
      sender?.end();
      abort.abort();
    } else throw new TwintreeError('WIRE', `a message "${message.type}" while the session runs`);
  }
}
