/**
 * Sends notices. Each is tried a few times within a bounded time; what fails is an entry of the run, never an exception. Secrets are read here,
 * when they are used; what is said of a notice afterwards holds no password, no header and of an address no more than its host.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { readSecret, sendMail, sendRequest, type Delivery } from '../../transport/index.js';
import { fromText, TwintreeError } from '../../tree/index.js';
import { cut, LIMITS, type NoticeRun } from '../history/index.js';
import { mailText, subjectOf, webhookBody, type NoticeContext } from './content.js';
import type { MailNotice, NoticeSpec, Occasion, PingNotice, Secret, WebhookNotice } from './spec.js';

export interface DeliveryOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970 (Date.now). */
  readonly clock?: () => number;
  /** Waits between attempts, ms. */
  readonly waits?: readonly number[];
  /** Milliseconds for one attempt. */
  readonly attemptMs?: number;
  /** Certificates that are trusted in place of the system's (PEM). */
  readonly ca?: string;
  /** The environment that secrets are in (process.env). */
  readonly env?: NodeJS.ProcessEnv;
  /** This machine's name. */
  readonly host?: string;
}

const WAITS = [1000, 4000, 15_000] as const;
const ATTEMPT_MS = 20_000;

/** What there is to tell about a run, without this machine's name. */
export type Told = Omit<NoticeContext, 'occasion' | 'host'>;

/** Sends mails and webhooks to whom one of the occasions concerns. Of several occasions the last one that concerns somebody is told. */
export async function sendNotices(specs: readonly NoticeSpec[], occasions: readonly Occasion[], told: Told, options: DeliveryOptions = {}): Promise<NoticeRun[]> {
  const results = await Promise.all(specs.map(async (spec) => {
    if (spec.kind === 'ping') return [];
    const occasion = occasions.findLast((each) => spec.on.includes(each));
    if (occasion === undefined) return [];
    const context: NoticeContext = { ...told, occasion, host: options.host ?? hostname() };
    const id = randomUUID();
    switch (spec.kind) {
      case 'mail': return [await tried(spec.kind, occasion, spec.to.join(', '), () => mailOnce(spec, context, id, options), options)];
      case 'webhook': return [await tried(spec.kind, occasion, originOf(spec.url), () => webhookOnce(spec, context, id, options), options)];
    }
  }));
  return results.flat();
}

/** Tells the dead-man's switches. */
export async function sendPings(specs: readonly NoticeSpec[], about: 'start' | 'success' | 'fail', options: DeliveryOptions = {}): Promise<NoticeRun[]> {
  const urls = specs.filter((spec) => spec.kind === 'ping').map((spec) => pingUrl(spec, about)).filter((url) => url !== undefined);
  return Promise.all(urls.map((url) => tried('ping', about, originOf(url), () => sendRequest({ url, method: 'GET', headers: { 'User-Agent': 'twintree' }, ...common(options) }), options)));
}

function pingUrl(spec: PingNotice, about: 'start' | 'success' | 'fail'): string | undefined {
  switch (about) {
    case 'start': return spec.startUrl;
    case 'success': return spec.url;
    case 'fail': return spec.failUrl ?? failUrl(spec.url);
  }
}

function failUrl(url: string): string {
  try {
    const to = new URL(url);
    to.pathname = `${to.pathname.replace(/\/$/, '')}/fail`;
    return to.href;
  } catch {
    return url; // what is wrong with it is told when it is asked for
  }
}

async function tried(kind: NoticeRun['kind'], about: string, to: string, once: () => Promise<Delivery>, options: DeliveryOptions): Promise<NoticeRun> {
  const { waits = WAITS, clock = Date.now, signal } = options;
  const notice: NoticeRun = { kind, about, to: cut(to, LIMITS.message), at: clock(), ok: false, attempts: 0, trouble: null };
  for (let k = 0; ; k++) {
    notice.attempts++;
    const delivery = await once().catch((error: unknown): Delivery => ({ ok: false, again: false, trouble: troubleOf(error) }));
    notice.ok = delivery.ok;
    notice.trouble = delivery.ok ? null : cut(delivery.trouble, LIMITS.message);
    const pause = waits[k];
    if (delivery.ok || !delivery.again || pause === undefined || signal?.aborted === true) return notice;
    await wait(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined); // broken off: one more attempt says so
  }
}

async function mailOnce({ server, from, to }: MailNotice, context: NoticeContext, id: string, options: DeliveryOptions): Promise<Delivery> {
  const { password, ...open } = server;
  const secret = password === undefined ? undefined : secretText(password, options.env);
  return sendMail(open, secret, { from, to, subject: subjectOf(context), text: mailText(context), id }, common(options));
}

async function webhookOnce({ url, headers = {} }: WebhookNotice, context: NoticeContext, id: string, options: DeliveryOptions): Promise<Delivery> {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : secretText(value, options.env)]));
  return sendRequest({ url, method: 'POST', headers: { 'Content-Type': 'application/json', 'User-Agent': 'twintree', ...own }, body: webhookBody(context, id), ...common(options) });
}

function common({ attemptMs = ATTEMPT_MS, signal, ca }: DeliveryOptions): { timeoutMs: number; signal?: AbortSignal; ca?: string } {
  return { timeoutMs: attemptMs, ...(signal === undefined ? {} : { signal }), ...(ca === undefined ? {} : { ca }) };
}

/** @throws TwintreeError USAGE, IO. */
function secretText(secret: Secret, env: NodeJS.ProcessEnv = process.env): string {
  switch (secret.kind) {
    case 'file': return firstLine(secret.path);
    case 'env': {
      const value = env[secret.name];
      if (value === undefined || value === '') throw new TwintreeError('USAGE', `the environment has no ${secret.name}, which the secret is to be in`);
      return value;
    }
  }
}

/** @throws TwintreeError USAGE, IO. */
function firstLine(path: string): string {
  const line = /^[^\r\n]*/.exec(readSecret(path))?.[0] ?? '';
  if (line === '') throw new TwintreeError('USAGE', 'its first line is to be a secret and is empty', { path: fromText(path) });
  return line;
}

function troubleOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An address may hold a token in its path, its user or its query. */
function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return 'an address that is no URL';
  }
}
