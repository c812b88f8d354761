/**
 * mail: one mail by SMTP, in bounded time. With `starttls` and `tls` nothing is sent before the server has proved who it is; a password is sent over
 * an open connection to this very host only.
 */
import net from 'node:net';
import { brokenDelivery, oneLine, type Delivery } from './delivery.js';

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'tls';
  readonly user?: string;
}

export interface MailMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  /** The text, as UTF-8. */
  readonly text: string;
  /** Stands in Message-ID: the same for each attempt, so that a mail that comes twice is known for one. Letters, digits, dots and dashes. */
  readonly id: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface MailOptions {
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Certificates that are trusted in place of the system's (PEM). */
  readonly ca?: string;
}

/** Sends it. Never rejects. */
export async function sendMail(server: MailServer, password: string | undefined, message: MailMessage, options: MailOptions): Promise<Delivery> {
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, user } = server;
  const { timeoutMs, signal, ca } = options;
  const socket = net.connect({ host, port });
  let cut: Delivery | undefined;
  const cutOff = (why: Delivery): void => {
    cut ??= why;
    socket.destroy(new Error('cut off'));
  };
  const timer = setTimeout(() => { cutOff({ ok: false, again: true, trouble: `the mail server took longer than ${timeoutMs / 1000} s` }); }, timeoutMs);
  const onAbort = (): void => { cutOff({ ok: false, again: false, trouble: 'it was broken off' }); };
  signal?.addEventListener('abort', onAbort);
  try {
    if (signal?.aborted === true) onAbort();
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.on('error', reject); // it stays: a socket that is cut off is nobody else's to hear
    });
    if (user !== undefined && tls === 'none' && !isLoopback(socket.remoteAddress)) return { ok: false, again: false, trouble: 'a password is not sent over an open connection to another host: set tls to starttls or tls' };
    const transport = createTransport({
      host, port, secure: tls === 'tls', requireTLS: tls === 'starttls', ignoreTLS: tls === 'none', ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
      tls: ca === undefined ? {} : { ca }, connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs, disableFileAccess: true, disableUrlAccess: true,
      getSocket: (_options, callback) => { callback(null, { connection: socket }); },
    });
    const domain = message.from.slice(message.from.lastIndexOf('@') + 1).replace(/[^A-Za-z0-9.-]/g, '') || 'localhost';
    const sent = await transport.sendMail({
      from: message.from, to: [...message.to], subject: message.subject, text: message.text, messageId: `<${message.id}@${domain}>`,
      headers: { 'Auto-Submitted': 'auto-generated', ...message.headers },
    });
    const refused = sent.rejected.length;
    return refused === 0 ? { ok: true } : { ok: false, again: false, trouble: `the mail server refused ${refused} of ${message.to.length} recipients; the others have it` };
  } catch (error) {
    return cut ?? judged(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

/** SMTP's answers of the 500s last, those of the 400s pass (RFC 5321, 4.2.1). */
function judged(error: unknown): Delivery {
  const status = error instanceof Error && 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : undefined;
  if (status === undefined) return brokenDelivery(error);
  const what = error instanceof Error && 'code' in error && error.code === 'EAUTH' ? 'the mail server does not take the user and password' : 'the mail server refused';
  const said = error instanceof Error && 'response' in error && typeof error.response === 'string' && what.endsWith('refused') ? `: ${oneLine(error.response)}` : ` (${status})`;
  return { ok: false, again: status < 500, trouble: `${what}${said}` };
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address === '::1' || /^(?:::ffff:)?127\./.test(address));
}
