/** The description of hooks and notices. */
import type { HookSpec, MailNotice, NoticeEvent, NoticeSpec, PingNotice, WebhookNotice } from './model.js';
import { byName, choice, integer, list, plainText, record, made, variant, type Shape } from './shape.js';
import { duration, headerValue, hostName, mailAddress, secret, webAddress } from './values.js';

const HOUR = 3_600_000;
const DEFAULT_TIMEOUT_MS = 300_000;
/** Headers that carry a secret by what they are. */
const SECRET_HEADER = /authorization|cookie|token|secret|password|api-?key/i;

/** Text for a shell, or the words of a program. */
export const command: Shape<readonly string[]> = {
  read: (node, reading) => {
    if (node.kind === 'scalar') {
      const line = plainText('a command').read(node, reading);
      return line === undefined ? undefined : ['sh', '-c', line];
    }
    return list(plainText('a word of a command'), { least: 1, most: 256 }).read(node, reading)?.map(({ value }) => value);
  },
  schema: (into) => ({ anyOf: [{ type: 'string', minLength: 1 }, list(plainText('')).schema(into)] }),
};

export const hook: Shape<HookSpec> = made(record('a hook', {
  when: { shape: choice('before', 'after', 'failure', 'lag'), required: true, help: 'before and after each run, after one that failed, when a live target is farther behind than limits.lag' },
  command: { shape: command, required: true, help: 'a line for sh -c, or a list: a program and its arguments' },
  timeout: { shape: duration(100, 24 * HOUR), help: 'it is ended after so long; 5m unless told otherwise' },
  onError: { shape: choice('stop', 'ignore'), help: 'whether its failure stops the run; before: stop, else ignore' },
}), ({ when, command: words, timeout, onError }, reading) => {
  if (when === undefined || words === undefined) return undefined;
  if (when.value !== 'before' && onError?.value === 'stop') return reading.complain(onError.place, `a hook for ${when.value} can stop nothing`, 'stop is for before.');
  return { when: when.value, command: words.value, timeoutMs: timeout?.value ?? DEFAULT_TIMEOUT_MS, onError: onError?.value ?? (when.value === 'before' ? 'stop' : 'ignore') };
});

const EVENTS = ['failure', 'success', 'recovery', 'lag'] as const;
const events = { shape: list(choice(...EVENTS), { orOne: true, least: 1 }), help: 'what is told: failure, success, recovery (a success after a failure), lag; failure and recovery unless told otherwise' };
const USUAL: readonly NoticeEvent[] = ['failure', 'recovery'];

const server = made(record('server', {
  host: { shape: hostName, help: 'the mail server; localhost unless told otherwise' },
  port: { shape: integer(1, 65_535), help: '25; with starttls 587, with tls 465' },
  tls: { shape: choice('none', 'starttls', 'tls'), help: 'none for localhost, else starttls, unless told otherwise' },
  user: { shape: plainText('a user'), help: 'who logs in' },
  password: { shape: secret, help: 'where the password is: ${file:PATH} or ${env:NAME}' },
}), (read, reading, node) => {
  const said = node.kind === 'map' && node.entries.some(({ key }) => key.source === 'password'); // a wrong one was told
  if (read.user === undefined && read.password !== undefined) return reading.complain(read.password.place, 'a password without a user');
  if (read.user !== undefined && !said) return reading.complain(read.user.place, 'a user without a password', 'Write password: ${file:PATH} or ${env:NAME}.');
  return read;
});

const mail: Shape<MailNotice> = made(record('a mail notice', {
  on: events,
  to: { shape: list(mailAddress, { orOne: true, least: 1, most: 100 }), required: true, help: 'who gets it' },
  from: { shape: mailAddress, required: true, help: 'the sender' },
  server: { shape: server, help: 'how mail is handed in' },
}), ({ on, to, from, server: given }, reading) => {
  if (to === undefined || from === undefined) return undefined;
  const { host, port, tls, user, password } = given?.value ?? {};
  const name = host?.value ?? 'localhost';
  const here = /^(?:localhost|127\..*|::1)$/.test(name);
  const how = tls?.value ?? (here && user === undefined ? 'none' : port?.value === 465 ? 'tls' : 'starttls');
  if (password !== undefined && how === 'none' && !here) return reading.complain((tls ?? password).place, 'the password would travel in the clear', 'Write tls: starttls, or tls: tls.');
  const login = user === undefined || password === undefined ? {} : { user: user.value, password: password.value };
  return {
    kind: 'mail', on: on?.value.map(({ value }) => value) ?? USUAL, to: to.value.map(({ value }) => value), from: from.value,
    server: { host: name, port: port?.value ?? (how === 'tls' ? 465 : how === 'starttls' ? 587 : 25), tls: how, ...login },
  };
});

const webhook: Shape<WebhookNotice> = made(record('a webhook', {
  on: events,
  url: { shape: webAddress, required: true, help: 'where the report is posted to, as JSON' },
  headers: { shape: byName('headers', /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/, headerValue), help: 'headers of the request; a secret as ${file:PATH} or ${env:NAME}' },
}), ({ on, url, headers }, reading) => {
  if (url === undefined) return undefined;
  let wrong = false;
  for (const [name, { value, place }] of headers?.value ?? []) {
    if (typeof value !== 'string' || !SECRET_HEADER.test(name)) continue;
    wrong = true;
    reading.complain(place, `the secret of ${name} does not stand in the configuration itself`, 'Write ${file:PATH}, a file that only its user can read, or ${env:NAME}.');
  }
  if (wrong) return undefined;
  const given = headers === undefined ? {} : { headers: Object.fromEntries([...headers.value].map(([name, { value }]) => [name, value])) };
  return { kind: 'webhook', on: on?.value.map(({ value }) => value) ?? USUAL, url: url.value, ...given };
});

const ping: Shape<PingNotice> = made(record('a ping', {
  url: { shape: webAddress, required: true, help: 'asked for after each success' },
  startUrl: { shape: webAddress, help: 'asked for when a run starts' },
  failUrl: { shape: webAddress, help: 'asked for after a failure; url with /fail behind it unless told otherwise' },
}), ({ url, startUrl, failUrl }) =>
  (url === undefined ? undefined : { kind: 'ping', url: url.value, ...(startUrl === undefined ? {} : { startUrl: startUrl.value }), ...(failUrl === undefined ? {} : { failUrl: failUrl.value }) }));

export const notice: Shape<NoticeSpec> = variant<NoticeSpec>('a notice', 'kind', { mail, webhook, ping });

/** Whether a notice is about an event. */
export function tells(spec: NoticeSpec, event: NoticeEvent): boolean {
  return spec.kind !== 'ping' && spec.on.includes(event);
}

