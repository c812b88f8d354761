/**
 * web-request: one request over HTTP or HTTPS that tells something to a server, in bounded time. Certificates are checked. Nothing is followed
 * that the answer points to, and of the answer only its status counts.
 */
import http from 'node:http';
import https from 'node:https';
import { brokenDelivery, type Delivery } from './delivery.js';

export interface WebRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Certificates that are trusted in place of the system's (PEM). */
  readonly ca?: string;
}

/** Bytes of an answer that are read, so that the server may end in peace. */
const MOST_READ = 64 << 10;

/** Sends it. Never rejects. */
export function sendRequest({ url, method, headers, body, timeoutMs, signal, ca }: WebRequest): Promise<Delivery> {
  let to: URL;
  try {
    to = new URL(url);
  } catch {
    return Promise.resolve({ ok: false, again: false, trouble: 'the address is no URL' });
  }
  if (to.protocol !== 'http:' && to.protocol !== 'https:') return Promise.resolve({ ok: false, again: false, trouble: `${to.protocol} is not http or https` });
  return new Promise((resolve) => {
    let request: http.ClientRequest | undefined;
    const done = (delivery: Delivery): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      request?.destroy();
      resolve(delivery);
    };
    const timer = setTimeout(() => { done({ ok: false, again: true, trouble: `no answer in ${timeoutMs / 1000} s` }); }, timeoutMs);
    const onAbort = (): void => { done({ ok: false, again: false, trouble: 'it was broken off' }); };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) {
      onAbort();
      return;
    }
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    try {
      // Text is sent as Latin-1 in a header: what is none is refused here.
      request = (to.protocol === 'https:' ? https : http).request(to, { method, headers: { ...headers, ...length }, agent: false, ...(ca === undefined ? {} : { ca }) });
    } catch (error) {
      done(brokenDelivery(error));
      return;
    }
    request.on('error', (error) => { done(brokenDelivery(error)); });
    request.on('response', (response) => {
      let read = 0;
      const end = (): void => { done(judged(response.statusCode ?? 0)); };
      response.on('data', (bytes: Buffer) => { if ((read += bytes.length) > MOST_READ) end(); });
      response.on('end', end);
      response.on('error', end);
    });
    request.end(body);
  });
}

function judged(status: number): Delivery {
  if (status >= 200 && status < 300) return { ok: true };
  const again = status >= 500 || status === 408 || status === 425 || status === 429;
  return { ok: false, again, trouble: `the server answered with status ${status}${status >= 300 && status < 400 ? '; where it points to is not followed' : ''}` };
}
