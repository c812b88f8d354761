/** What is said on the socket of a conductor: a question and an answer, each a line of JSON. */
import { Conductor, FOLLOWING, type ConductorStatus, type FollowStatus, MIGRATION_SOCKET, type OperationName, OPERATIONS, type Request } from '../../migrate/index.js';
import { askControl, serveControl, type ControlServer } from '../../transport/index.js';
import { isObject, isText, parsedObject, TwintreeError, type ByteString } from '../../tree/index.js';
import { readFollowStatus } from './follow.js';

const PATIENCE_MS = 30_000;

/** How the tree that follows stands, as a conductor tells it. */
export interface LiveView {
  readonly operation: OperationName | null;
  readonly direction: 'forward' | 'back' | null;
  readonly following: FollowStatus | null;
}

/** Serves the questions about a conductor in its folder. @throws TwintreeError IO. */
export async function serveConductor(folder: ByteString, conductor: Conductor): Promise<ControlServer> {
  return serveControl(folder, MIGRATION_SOCKET, async (question) => JSON.stringify(answer(conductor, question)));
}

function answer(conductor: Conductor, question: string): object {
  try {
    const value = parsedObject(question);
    if (value?.['do'] === 'status') return { ok: true, ...viewOf(conductor.status) };
    conductor.ask(readRequest(value));
    return { ok: true };
  } catch (error) {
    if (error instanceof TwintreeError) return { ok: false, code: error.code, message: error.message, advice: error.advice ?? null };
    return { ok: false, code: 'INTERNAL', message: String(error), advice: null };
  }
}

function viewOf({ operation, following }: ConductorStatus): LiveView {
  return { operation: operation ?? null, direction: following?.direction ?? null, following: following?.status ?? null };
}

function readRequest(value: Record<string, unknown> | undefined): Request {
  const what = OPERATIONS.find((each) => each === value?.['what']);
  if (value?.['do'] !== 'ask' || what === undefined) throw new TwintreeError('USAGE', 'the conductor does not know this question', { advice: 'Use commands of the same version.' });
  return { what, undone: value['undone'] === true, loseNew: value['loseNew'] === true };
}

/** Asks the conductor for an operation. False: none is at work. @throws TwintreeError of its answer. */
export async function askConductor(folder: ByteString, request: Request): Promise<boolean> {
  const line = await asked(folder, { do: 'ask', ...request });
  if (line === undefined) return false;
  readAnswer(line);
  return true;
}

/** How it stands; undefined: no conductor is at work. */
export async function lookAtConductor(folder: ByteString): Promise<LiveView | undefined> {
  const line = await asked(folder, { do: 'status' });
  if (line === undefined) return undefined;
  const { operation, direction, following } = readAnswer(line);
  return {
    operation: OPERATIONS.find((each) => each === operation) ?? null, direction: direction === 'forward' || direction === 'back' ? direction : null, following: isObject(following) ? (readFollowStatus(JSON.stringify(following)) ?? null) : null,
  };
}

async function asked(folder: ByteString, question: object): Promise<string | undefined> {
  try {
    return await askControl(folder, MIGRATION_SOCKET, JSON.stringify(question), PATIENCE_MS);
  } catch (error) {
    if (error instanceof TwintreeError && error.code === 'IO') return undefined; // the folder is not there
    throw error;
  }
}

function readAnswer(line: string): Record<string, unknown> {
  const value = parsedObject(line);
  if (value?.['ok'] === true) return value;
  const message = value?.['message'];
  if (value?.['ok'] !== false || !isText(message, 8192)) throw new TwintreeError('VERSION', 'the conductor gave an answer that cannot be read', { advice: 'Use commands of the same version.' });
  throw new TwintreeError(value['code'] === 'USAGE' ? 'USAGE' : 'MIGRATION', message, typeof value['advice'] === 'string' ? { advice: value['advice'] } : {});
}

/** Whether a tree follows another one in this state. */
export function isFollowing(state: string): boolean {
  return (FOLLOWING as readonly string[]).includes(state) || state === 'switched';
}
