/**
 * Writes a finished plan as it is: what was asked, the roots it was made for, what the scan found, the moves that were proven,
 * and both streams of operations, chunk by chunk.
 */
import { OperationReader, type SessionOptions } from '../../plan/index.js';
import type { Posix } from '../../fs/index.js';
import type { Mount, ScanFindings } from '../../endpoint/index.js';
import { TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import type { PlanStore } from '../plan-store.js';
import type { Resolver } from '../resolve.js';
import { absolute, type Sources } from '../sources.js';
import { besideTarget, type Target } from '../target.js';
import { MAX_SECTION, Section, SectionWriter, type PlanSink } from './format.js';
import { encodeHead, type OtherHost, type PlanHead } from './head.js';
import { writeMoves } from './move-table.js';
import { identityOf, type SealedRoot } from './roots.js';

/** A plan that is complete and resolved, and what it stands on. */
export interface FinishedPlan {
  posix: Posix;
  request: { sources: readonly ByteString[]; target: ByteString | undefined; options: SessionOptions };
  sources: Sources;
  /** The sources are at the other end of a connection. */
  fromAfar: boolean;
  target: Target;
  targetFollowed: ReadonlySet<RelPath>;
  umask: number;
  findings: ScanFindings;
  store: PlanStore;
  resolver: Resolver;
  /** Problems and warnings told so far. */
  problems: number;
  /** The end that is on another host than the one that keeps the plan. */
  remote?: OtherHost | undefined;
}

/** What a plan's file is made of. */
export interface PlanContent {
  head: PlanHead;
  moves: Iterable<readonly [to: RelPath, from: RelPath]>;
  store: PlanStore;
}

/** Writes the plan. @param now milliseconds since 1970. @throws TwintreeError where a root cannot be read, or the sink's own. */
export function sealPlan(sink: PlanSink, plan: FinishedPlan, now: number): void {
  for (const bytes of sealedBytes(contentOf(plan, now))) sink.write(bytes);
}

/** A finished plan as what its file is made of. @param now milliseconds since 1970. @throws TwintreeError where a root cannot be read. */
export function contentOf(plan: FinishedPlan, now: number): PlanContent {
  return { head: headOf(plan, now), moves: plan.resolver.movePairs, store: plan.store };
}

/** The file of a plan from front to back, chunk by chunk: what waits to be taken is at most one of them, and the head or the moves. */
export function* sealedBytes({ head, moves, store }: PlanContent): Generator<Buffer, void> {
  const out: Buffer[] = [];
  const writer = new SectionWriter({ write: (bytes) => { out.push(bytes); } });
  writer.cut(Section.Head, encodeHead(head));
  writeMoves(writer, moves);
  for (const [stream, kind] of [[0, Section.Plan], [1, Section.Deletions]] as const) {
    for (const chunk of store.chunks(stream)) {
      writeChunk(writer, kind, chunk);
      yield* out.splice(0);
    }
  }
  writer.end();
  yield* out;
}

/** A chunk as a section, or as several, cut between records, where it is too long for one. */
function writeChunk(writer: SectionWriter, kind: Section, chunk: Uint8Array): void {
  if (chunk.length <= MAX_SECTION) {
    writer.section(kind, chunk);
    return;
  }
  const reader = new OperationReader(chunk);
  let from = 0;
  for (let last = 0; !reader.done; last = reader.offset) {
    reader.skip();
    if (reader.offset - from <= MAX_SECTION) continue;
    writer.section(kind, chunk.subarray(from, last));
    from = last;
  }
  writer.section(kind, chunk.subarray(from));
}

/** The options as a plan keeps them: without what concerns only its making. */
export function optionsToKeep(options: SessionOptions): SessionOptions {
  return { ...options, dryRun: false, stopAt: undefined, filesFrom: shortList(options.filesFrom) };
}

function headOf(plan: FinishedPlan, now: number): PlanHead {
  const { posix, request, sources, target } = plan;
  const { problems: _told, fileSystems: _here, ...findings } = plan.findings;
  const path = absolute(target.path);
  return {
    madeAt: now, euid: posix.euid, umask: plan.umask,
    options: optionsToKeep(request.options),
    given: { sources: [...request.sources], target: request.target ?? target.path },
    sources: request.sources.map(absolute),
    mounts: sources.mounts.map((mount, k) => ({ ...rootOf(plan, mount, k), followed: [...(mount.followed ?? [])] })),
    target: { path, identity: target.fd < 0 ? undefined : identityOf(posix, target.fd, target.path), alias: target.alias },
    altRoots: altRootsOf(posix, { ...target, path }, request.options),
    targetFollowed: [...plan.targetFollowed],
    rootChosen: sources.selection.mounts.length > 0, missing: sources.missing, problems: plan.problems, remote: plan.remote,
    findings: { ...findings, lost: findings.lost.map(({ kind, count, example }) => ({ kind, count, example })) }, // paths were for who asked
  };
}

/** A mount by path and identity: as the other end has told it, or as it is here. @throws TwintreeError WIRE where another host has not told it. */
function rootOf({ posix, sources, fromAfar }: FinishedPlan, mount: Mount, k: number): SealedRoot {
  const told = sources.roots?.[k];
  if (told !== undefined) return { path: told.path, identity: told.identity };
  if (fromAfar) throw new TwintreeError('WIRE', 'the other end did not say which folders its sources are: no plan of them can be kept', { advice: 'Use the same version of twintree on both hosts.' });
  return { path: absolute(mount.path), identity: identityOf(posix, mount.fd, mount.path) };
}

/** The alternate folders that could be opened, in their order: operations name them by it. */
function altRootsOf(posix: Posix, target: Target, options: SessionOptions): SealedRoot[] {
  const roots: SealedRoot[] = [];
  for (const dir of options.replace.altDest?.dirs ?? []) {
    const path = besideTarget(target, dir);
    const fd = posix.openRoot(path);
    if (fd < 0) continue; // told by the session, which has left it out too
    try {
      roots.push({ path, identity: identityOf(posix, fd, path) });
    } finally {
      posix.close(fd);
    }
  }
  return roots;
}

/** Of --files-from, what still matters once the plan is made: whether there was a list, and whether it named the root itself. */
function shortList(list: readonly ByteString[] | undefined): ByteString[] | undefined {
  if (list === undefined) return undefined;
  const named = [/^\.\//, /(^|\/)\.\/*$/, /(^|\/)\.{0,2}$/].map((form) => list.find((entry) => form.test(entry)));
  return named.filter((entry) => entry !== undefined);
}
