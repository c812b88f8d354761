/** What became of something that was handed to a server, and how an error of a connection is said to people. */

/** `again`: a later attempt may go better. `trouble`: one clause for people; nothing secret is in it. */
export type Delivery = { readonly ok: true } | { readonly ok: false; readonly again: boolean; readonly trouble: string };

/** Errors of certificates do not pass by themselves; others of a connection may. */
const LASTING = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|ERR_INVALID|ENOTFOUND$)/;

/** An attempt that a connection's error has ended. */
export function brokenDelivery(error: unknown): Delivery {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { ok: false, again: code === undefined || !LASTING.test(code), trouble: troubleOf(error, code) };
}

function troubleOf(error: unknown, code: string | undefined): string {
  switch (code) {
    case 'ECONNREFUSED': return 'nothing listens there';
    case 'ENOTFOUND': case 'EAI_AGAIN': return 'the host\'s name is not known';
    case 'ECONNRESET': case 'EPIPE': case 'ECONNECTION': return 'the connection was closed';
    case 'EHOSTUNREACH': case 'ENETUNREACH': return 'the host cannot be reached';
    case 'ETIMEDOUT': return 'the host does not answer';
    default:
  }
  // Of an address that has several, each attempt's error stands in the error.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  if (inner instanceof Error && 'code' in inner && typeof inner.code === 'string' && inner.code !== code) return troubleOf(inner, inner.code);
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** One line of at most 300 characters without control characters: it may be the other end's. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim().slice(0, 300);
}
