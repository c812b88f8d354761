/** What is told, to whom, and on what; as a configuration says it. */

/** Where a secret stands: it is read when it is used, and never kept. */
export type Secret = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'env'; readonly name: string };

/** On what a mail or a webhook is sent. `recovery`: the first success after failures. */
export const OCCASIONS = ['failure', 'success', 'recovery', 'lag'] as const;
export type Occasion = (typeof OCCASIONS)[number];

export interface MailNotice {
  readonly kind: 'mail';
  readonly on: readonly Occasion[];
  readonly to: readonly string[];
  readonly from: string;
  readonly server: { readonly host: string; readonly port: number; readonly tls: 'none' | 'starttls' | 'tls'; readonly user?: string; readonly password?: Secret };
}
export interface WebhookNotice {
  readonly kind: 'webhook';
  readonly on: readonly Occasion[];
  readonly url: string;
  readonly headers?: Readonly<Record<string, string | Secret>>;
}
/**
 * A dead-man's switch: `url` is asked for when a run has succeeded, and who does not hear of it in time gives alarm. Without `failUrl` it is `url` with
 * /fail behind its path.
 */
export interface PingNotice { readonly kind: 'ping'; readonly url: string; readonly startUrl?: string; readonly failUrl?: string }

export type NoticeSpec = MailNotice | WebhookNotice | PingNotice;

/** Names of the environment that hold secrets: hooks do not get them. */
export function secretNames(specs: readonly NoticeSpec[]): string[] {
  return specs.flatMap((spec) => {
    switch (spec.kind) {
      case 'mail': return [spec.server.password];
      case 'webhook': return Object.values(spec.headers ?? {});
      case 'ping': return [];
    }
  }).flatMap((secret) => (typeof secret === 'object' && secret.kind === 'env' ? [secret.name] : []));
}
