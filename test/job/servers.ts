/** Real servers on the loopback: SMTP with what a test wants of it, and HTTP. Closed by `close`. */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { makeCertificate } from '../../src/transport/index.js';

export const CERTIFICATE = makeCertificate({ name: 'localhost', kind: 'ecdsa-p256', notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 86_400_000) });

export interface Mail { from: string; to: string[]; text: string; secure: boolean; user: string | undefined }

export interface MailBox { port: number; mails: Mail[]; close(): Promise<void> }

/** A mail server that keeps what it gets. */
export async function mailServer(options: SMTPServerOptions = {}): Promise<MailBox> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    key: CERTIFICATE.key, cert: CERTIFICATE.certificate, authOptional: true, logger: false, disableReverseLookup: true,
    onData(stream, session, callback) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => { parts.push(part); });
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({ from: mailFrom === false ? '' : mailFrom.address, to: rcptTo.map(({ address }) => address), text: Buffer.concat(parts).toString('utf8'), secure: session.secure, user: session.user });
        callback(null, 'kept');
      });
    },
    ...options,
  });
  server.on('error', () => undefined); // a client that does not trust it
  await new Promise<void>((resolve) => { server.listen(0, 'localhost', resolve); });
  return { port: (server.server.address() as AddressInfo).port, mails, close: () => new Promise((resolve) => { server.close(() => { resolve(); }); }) };
}

export interface Asked { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }

export interface WebServer { url: string; asked: Asked[]; close(): Promise<void> }

/** A web server that answers with the next of `statuses`, the last one again and again; 0: it never answers. */
export async function webServer(statuses: readonly number[] = [204], secure = false, headers: Record<string, string> = {}): Promise<WebServer> {
  const asked: Asked[] = [];
  const answer: http.RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => { parts.push(part); });
    request.on('end', () => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      const status = statuses[Math.min(asked.length, statuses.length) - 1] ?? 204;
      if (status > 0) response.writeHead(status, headers).end();
    });
  };
  const server = secure ? https.createServer({ key: CERTIFICATE.key, cert: CERTIFICATE.certificate }, answer) : http.createServer(answer);
  await new Promise<void>((resolve) => { server.listen(0, 'localhost', resolve); });
  return {
    url: `http${secure ? 's' : ''}://localhost:${(server.address() as AddressInfo).port}`, asked,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
    },
  };
}
