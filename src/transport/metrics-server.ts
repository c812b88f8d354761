/** A server of one page over HTTP, for who asks for numbers: GET /metrics. It reads nothing of what is sent to it but the path, and holds few connections for a short time. */
import http from 'node:http';
import { TwintreeError } from '../tree/index.js';

/** Milliseconds that a question may take to come. */
const PATIENCE = 5000;
const MOST_CONNECTIONS = 16;

export interface PageServer {
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  /** What a browser is given. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * @param port 0: one that is free. @param page made anew for each question.
 * @throws TwintreeError IO where it cannot listen there.
 */
export async function servePage(host: string, port: number, contentType: string, page: () => string): Promise<PageServer> {
  const server = http.createServer({ headersTimeout: PATIENCE, requestTimeout: PATIENCE, keepAliveTimeout: PATIENCE, maxHeaderSize: 8192, connectionsCheckingInterval: 1000 }, (request, response) => {
    const fits = (request.url ?? '').split('?', 1)[0] === '/metrics';
    const read = request.method === 'GET' || request.method === 'HEAD';
    response.setHeader('Connection', 'close');
    if (!fits || !read) {
      response.writeHead(fits ? 405 : 404, { 'Content-Type': 'text/plain; charset=utf-8' }).end(fits ? 'only to be read\n' : 'there is /metrics\n');
      return;
    }
    response.writeHead(200, { 'Content-Type': contentType }).end(request.method === 'HEAD' ? undefined : page());
  });
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new TwintreeError('IO', `the metrics cannot be served at ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  server.on('error', () => undefined); // a connection that could not be taken
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return {
    host, port: taken, url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/metrics`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
    },
  };
}
