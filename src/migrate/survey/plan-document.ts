/**
 * plan-document: makes the plan of a migration: surveys the source, looks who has it open, asks the session's own dry run and the doctor what the target would lose, measures a
 * short sample, and puts together estimates, risks and steps. Nothing of source or target is changed; on the target a folder is made for a moment and removed.
 */
import { examine, type DoctorRequest, type DryRun, type Finding, type NameTroubles, type RunToJudge } from '../../doctor/index.js';
import { openFilesBelow, writes, type OpenFiles } from '../../fs/index.js';
import { ownProgram } from '../../transport/index.js';
import { displayName, fromText } from '../../tree/index.js';
import { estimatesOf } from './estimate.js';
import { lossesOf } from './losses.js';
import { measure } from './measure.js';
import type { MigrationPlan, OpenFilesTold, PlanSubject } from './plan-types.js';
import { risksOf } from './risks.js';
import { stepsOf } from './steps.js';
import { surveySource } from './survey.js';
import type { EarlierSurvey } from './types.js';

export interface PlanRequest {
  readonly subject: PlanSubject;
  /** The migration's copy as the doctor judges it: one source of this host, its target, the options; reached as the mirror will reach it. */
  readonly run: RunToJudge;
  /** How the source will be followed, for the limits of the system. */
  readonly following?: DoctorRequest['following'];
  /** Of a plan that was made before. */
  readonly earlier?: EarlierSurvey | undefined;
  /** Paths of each class of what is lost, at most; default 10,000. Counts are exact in any case. */
  readonly paths?: number;
  /** ms that each measurement takes; default 1500; 0: nothing is measured. */
  readonly measureMs?: number;
  /** ms since 1970. */
  readonly now?: number;
  readonly signal?: AbortSignal;
  progress?(what: 'survey' | 'open files' | 'target' | 'measuring', entries: number): void;
}

const PATHS = 10_000;
/** Open files that a plan names. */
const MOST_OPEN = 100;

/** @throws TwintreeError SOURCE_MISSING, ABORTED, USAGE for options that do not fit. A target that cannot be reached is a finding. */
export async function planDocument(request: PlanRequest): Promise<MigrationPlan> {
  const { subject, run, following, paths = PATHS, now = Date.now(), measureMs } = request;
  const { options, remote } = run;
  const source = run.sources[0] ?? fromText(subject.source);
  const aborts = request.signal === undefined ? {} : { signal: request.signal };
  request.progress?.('survey', 0);
  const { survey, shared, samples } = await surveySource({ source, options, earlier: request.earlier, paths, now, ...aborts, progress: (entries) => { request.progress?.('survey', entries); } });
  request.progress?.('open files', 0);
  const openFiles = openFilesTold(await openFilesBelow(source, { identities: shared, ...aborts }));
  request.progress?.('target', 0);
  let looked: { dry: DryRun; names: NameTroubles | undefined } | undefined;
  const findings: Finding[] = await examine({ runs: [run], ...(following === undefined ? {} : { following }), paths, looked: (_run, dry, names) => { looked = { dry, names }; } }, request.signal);
  const dry = looked?.dry.error === undefined ? looked?.dry : undefined;
  request.progress?.('measuring', 0);
  const measured = measureMs === 0
    ? { readBytesPerSecond: null, readFilesPerSecond: null, linkBytesPerSecond: null, linkFilesPerSecond: null, notes: ['nothing was measured'] }
    : await measure(dry === undefined && remote !== undefined ? withoutLink(run) : run, samples, { ...aborts, ...(measureMs === undefined ? {} : { patienceMs: measureMs }) });
  const { totals } = dry ?? {};
  const estimates = estimatesOf({
    survey, measured, limit: options.bwlimit, verify: subject.verify.mode, sample: subject.verify.sample, toCopy: totals === undefined ? undefined : { files: totals.transferFiles, bytes: totals.transferBytes }, remote: remote !== undefined,
  });
  const targetFacts = dry?.target ?? null;
  const losses = lossesOf({ survey, dry, names: looked?.names, options, findings, paths });
  const { lagMs, backlogBytes, steadyMs, patienceMs } = subject.converge;
  return {
    format: 'twintree-migration-plan', version: 1, name: subject.name, program: ownProgram(), at: now, source: subject.source, target: subject.target, host: hostOf(run), options: subject.words, survey, openFiles, targetFacts,
    findings: findings.map(({ paths: _losses, ...finding }) => finding), losses, measured, estimates, risks: risksOf({ survey, openFiles, targetFacts, findings, losses, estimates, subject }), steps: stepsOf(subject, estimates),
    limits: { lagMs, backlogBytes, steadyMs, patienceMs, freezeMs: subject.freeze.limitMs, quietMs: subject.freeze.quietMs },
  };
}

/** The JSON file of a plan. */
export function planJson(plan: MigrationPlan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

/** A connection that did not come to stand is not tried again. */
function withoutLink({ remote: _gone, ...run }: RunToJudge): RunToJudge {
  return run;
}

function hostOf({ remote }: RunToJudge): string | null {
  if (remote === undefined) return null;
  const { host } = remote;
  return displayName(fromText(host.kind === 'daemon' || host.user === undefined ? host.host : `${host.user}@${host.host}`));
}

function openFilesTold({ files, total, unseen, blind }: OpenFiles): OpenFilesTold {
  const writers = files.filter(({ how }) => writes(how));
  const rest = files.filter(({ how }) => !writes(how));
  return { total, writers: writers.length, unseen, blind, files: [...writers, ...rest].slice(0, MOST_OPEN).map(({ pid, command, path, how, deleted }) => ({ pid, command, path: path === '' ? './' : displayName(path), how, deleted })) };
}
