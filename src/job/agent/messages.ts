/**
 * What is said on the agent's control socket: a question and an answer, each one line of JSON. What comes is checked before anyone sees it; what is not known is
 * refused, never guessed. Pure.
 */
import { isCount, isObject, isText, parsedObject, TwintreeError } from '../../tree/index.js';

export type AgentRequest =
  | { readonly do: 'status' }
  /** The configuration is read anew. */
  | { readonly do: 'reload' }
  | { readonly do: 'run' | 'pause' | 'resume'; readonly job: string };

/** How one job stands with the agent. Times are ms since 1970. */
export interface AgentJob {
  readonly name: string;
  readonly live: boolean;
  /** Since when a run of this agent is at work, and its process. */
  readonly running: { readonly since: number; readonly pid: number } | null;
  readonly paused: boolean;
  readonly waiting: number;
  /** When it is due next; null: never by itself. */
  readonly due: number | null;
}

export type AgentAnswer = { readonly ok: boolean; readonly message: string; readonly jobs?: readonly AgentJob[] };

/** Name of the socket in the agent's folder of state. */
export const AGENT_SOCKET = 'control';
const LONGEST_TEXT = 64 << 10;
const LONGEST_NAME = 128;

/** @throws TwintreeError USAGE. */
export function readAgentRequest(line: string): AgentRequest {
  const value = parsedObject(line);
  const asked = value?.['do'];
  if (asked === 'status' || asked === 'reload') return { do: asked };
  if ((asked === 'run' || asked === 'pause' || asked === 'resume') && isText(value?.['job'], LONGEST_NAME)) return { do: asked, job: value['job'] };
  throw new TwintreeError('USAGE', 'the agent does not know this question', { advice: 'Use commands of the same version as the agent.' });
}

/** @throws TwintreeError VERSION where the answer is none. */
export function readAgentAnswer(line: string): AgentAnswer {
  const value = parsedObject(line);
  if (value !== undefined && typeof value['ok'] === 'boolean' && isText(value['message'], LONGEST_TEXT)) {
    const { ok, message, jobs } = value;
    if (jobs === undefined) return { ok, message };
    if (Array.isArray(jobs) && jobs.every(isAgentJob)) return { ok, message, jobs };
  }
  throw new TwintreeError('VERSION', 'the agent gave an answer that cannot be read', { advice: 'Use commands of the same version as the agent.' });
}

function isAgentJob(value: unknown): value is AgentJob {
  if (!isObject(value)) return false;
  const { name, live, running, paused, waiting, due } = value;
  return isText(name, LONGEST_NAME) && typeof live === 'boolean' && typeof paused === 'boolean' && isCount(waiting) && (due === null || isCount(due)) &&
    (running === null || (isObject(running) && isCount(running['since']) && isCount(running['pid'])));
}
