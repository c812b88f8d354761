/** Trees that follow another one, as a migration sees them: the mirror of the source in this process, and the way back from the new side. */
import type { FollowStatus, Following, MigrationFact } from '../../migrate/index.js';
import { Mirror, type MirrorRequest, type MirrorStatus } from '../../mirror/index.js';
import { isCount, isObject, isText, parsedObject, TwintreeError } from '../../tree/index.js';

/** Before each status that the new side tells on its stderr. */
export const BACK_MARK = 'twintree-back ';
const LONGEST_TEXT = 4096;

/** What of a mirror's status a migration looks at. */
export function followStatusOf(status: MirrorStatus): FollowStatus {
  const { phase, lagMs, backlog, lastFull, sessions, files, bytes, failure, held, failing } = status;
  const trouble = held !== null ? held.message : failure !== null ? failure.message : phase === 'source-lost' ? 'the followed tree is not there' : phase === 'paused' ? 'it is paused: twintree resume lets it go on' : null;
  return {
    phase, lagMs: Math.max(0, lagMs), backlogFiles: backlog.paths, backlogBytes: backlog.bytes, complete: lastFull !== null && !backlog.whole, sessions, files, bytes,
    trouble: trouble?.slice(0, LONGEST_TEXT) ?? null, failing: failing.filter(({ code }) => code !== 'deferred' && code !== 'changed').slice(0, 10).map(({ path, message }) => ({ path: path.slice(0, LONGEST_TEXT), message: message.slice(0, LONGEST_TEXT) })),
  };
}

/** A status that the other host told; undefined: it is none. */
export function readFollowStatus(line: string): FollowStatus | undefined {
  const value = parsedObject(line);
  if (value === undefined) return undefined;
  const { phase, lagMs, backlogFiles, backlogBytes, complete, sessions, files, bytes, trouble, failing } = value;
  if (!isText(phase, 40) || typeof lagMs !== 'number' || !(lagMs >= 0) || !isCount(backlogFiles) || !isCount(backlogBytes) || typeof complete !== 'boolean' || !isCount(sessions) || !isCount(files) || !isCount(bytes)) return undefined;
  if ((trouble !== null && !isText(trouble, LONGEST_TEXT)) || !Array.isArray(failing) || failing.length > 10) return undefined;
  const paths: { path: string; message: string }[] = [];
  for (const each of failing as unknown[]) {
    if (!isObject(each) || !isText(each['path'], LONGEST_TEXT) || !isText(each['message'], LONGEST_TEXT)) return undefined;
    paths.push({ path: each['path'], message: each['message'] });
  }
  return { phase, lagMs, backlogFiles, backlogBytes, complete, sessions, files, bytes, trouble, failing: paths };
}

type SessionFact = Extract<MigrationFact, { event: 'session' }>;

/** So many batches are told one by one; then the longest of each so many ms. */
const FIRST_BATCHES = 20;
const BATCH_EVERY_MS = 60_000;

/** Which batches are told, for the forecast: there may be several a second, and the journal is for years. */
export class BatchSample {
  private told = 0;
  private since = 0;
  private longest: SessionFact | undefined;

  /** What is to be told now, after a batch; undefined: nothing. @param at ms */
  worthTelling(fact: SessionFact, at: number): SessionFact | undefined {
    if (fact.files === 0) return undefined;
    if (this.told < FIRST_BATCHES) {
      this.told++;
      this.since = at;
      return fact;
    }
    if (this.longest === undefined || fact.ms > this.longest.ms) this.longest = fact;
    if (Math.abs(at - this.since) < BATCH_EVERY_MS) return undefined;
    const { longest } = this;
    this.longest = undefined;
    this.since = at;
    return longest;
  }
}

/** A mirror in this process. */
export class MirrorFollowing implements Following {
  readonly over: Promise<void>;
  private readonly controller = new AbortController();
  private readonly mirror: Mirror;
  private last: FollowStatus | undefined;

  constructor(request: MirrorRequest, told: (fact: MigrationFact) => void, kind: 'full' | 'back') {
    const batches = new BatchSample();
    this.mirror = new Mirror(request, {
      condition: ({ message, answer }) => { if (answer === 'wait') told({ event: 'problem', code: 'CAPTURE', message, path: null }); },
      follower: () => ({
        status: (status) => { this.last = followStatusOf(status); },
        session: (about, outcome) => {
          const { totals } = outcome;
          const { files, dirs, links, devices, specials } = totals.entries;
          const fact: SessionFact = {
            event: 'session', kind: about.kind === 'full' ? kind : 'batch', ms: Math.round(outcome.elapsedMs), entries: files + dirs + links + devices + specials, files: outcome.transferredFiles, bytes: outcome.transferredBytes, sent: outcome.literalBytes,
          };
          const worth = about.kind === 'full' ? fact : kind === 'full' ? batches.worthTelling(fact, Date.now()) : undefined;
          if (worth !== undefined) told(worth);
        },
        failed: (code, message) => { told({ event: 'problem', code, message, path: null }); },
        held: ({ message }) => { told({ event: 'problem', code: 'HELD', message, path: null }); },
      }),
    });
    this.over = this.mirror.run(this.controller.signal);
    this.over.catch(() => undefined); // whoever waits for it is told
  }

  status(): FollowStatus | undefined {
    return this.last;
  }

  rest(): Promise<void> {
    return this.mirror.rest();
  }

  rouse(): void {
    this.mirror.rouse();
  }

  hurry(): void {
    this.mirror.hurry();
  }

  heard(): Promise<void> {
    return this.mirror.heard();
  }

  caughtUp(): Promise<void> {
    return this.mirror.caughtUp();
  }

  events(): number | undefined {
    return this.mirror.captured()?.hints; // a watched file system tells of other trees, too
  }

  async stop(): Promise<void> {
    this.controller.abort(new TwintreeError('ABORTED', 'the migration ends it'));
    await this.over.catch(() => undefined); // `over` tells
  }
}
