/** What a run between two hosts does where it is no plain sync: it makes a plan to be kept, carries one out, or carries out a batch. */
import { loadOwnPosix } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import type { ControlMessage } from '../../wire/index.js';
import type { Batch } from '../recorded/batch.js';
import { decodeHead, encodeHead, type OtherHost, type PlanHead } from '../recorded/head.js';
import { optionsToKeep } from '../recorded/seal.js';
import type { ApplyRequest, PlanOutput } from '../recorded/run-kept.js';
import type { SealedPlan } from '../recorded/sealed-plan.js';
import type { SyncRequest } from '../run.js';
import { absolute, type Sources } from '../sources.js';
import { broken } from './shape.js';
import { PlanReceiver, PlanSender } from './plan-parts.js';

export type RemoteWork =
  | { readonly kind: 'plan'; readonly output: PlanOutput; readonly host: OtherHost }
  | { readonly kind: 'apply'; readonly plan: SealedPlan; readonly how: ApplyRequest }
  | { readonly kind: 'batch'; readonly batch: Batch };

/** The client's part of a work whose session runs at the agent. */
export class PushedWork {
  private readonly receiver: PlanReceiver | undefined;
  private readonly sender: PlanSender | undefined;

  /** @param sources the client's own */
  constructor(private readonly work: RemoteWork | undefined, private readonly request: Pick<SyncRequest, 'sources' | 'target' | 'options'>, private readonly sources: Sources, send: (message: ControlMessage) => void) {
    if (work?.kind === 'plan') this.receiver = new PlanReceiver(loadOwnPosix(), send);
    if (work?.kind === 'apply') this.sender = new PlanSender(send);
  }

  /** Behind the description of the sources. `failed` is told what ends it. */
  begin(failed: (error: Error) => void): void {
    if (this.work?.kind === 'apply') this.sender?.run(this.work.plan.bytes()).catch(failed);
  }

  /** A message of the agent that is no event; false: it does not belong to this work. @throws TwintreeError WIRE, PLAN_FILE. */
  take(message: ControlMessage): boolean {
    if (message.type === 'plan-part' && this.receiver !== undefined) this.receiver.take(message);
    else if (message.type === 'plan-credit' && this.sender !== undefined) this.sender.grant(message);
    else return false;
    return true;
  }

  /** The session is over in good order: a plan that came is kept. @throws TwintreeError. */
  finish(): void {
    if (this.work?.kind !== 'plan' || this.receiver?.whole !== true) return;
    const plan = this.receiver.finish();
    const { output, host } = this.work;
    for (const bytes of plan.bytes(ownHead(plan.head, this.request, this.sources, host))) output.write(bytes);
    output.commit();
  }

  close(): void {
    this.receiver?.discard();
    this.sender?.end();
  }
}

/**
 * The head of a plan that another host has made for this one's sources. What is read here when it is carried out (the sources, the options, which end is
 * where) is what was asked here, whatever the other host says of it. @throws TwintreeError WIRE.
 */
export function ownHead(head: PlanHead, request: Pick<SyncRequest, 'sources' | 'target' | 'options'>, sources: Sources, remote: OtherHost): PlanHead {
  const { mounts, roots } = sources;
  if (roots === undefined || head.mounts.length !== mounts.length) throw broken('the plan', 'is of other sources');
  const mine: PlanHead = {
    ...head, options: optionsToKeep(request.options), given: { sources: [...request.sources], target: request.target ?? ('' as ByteString) }, sources: request.sources.map(absolute),
    mounts: mounts.map(({ followed }, k) => ({ path: roots[k]?.path ?? ('/' as ByteString), identity: roots[k]?.identity ?? '', followed: [...(followed ?? [])] })), remote,
  };
  try {
    return decodeHead(encodeHead(mine));
  } catch (error) {
    if (error instanceof TwintreeError && error.code === 'PLAN_FILE') throw broken('the plan', `is not for what was asked (${error.message})`);
    throw error;
  }
}
