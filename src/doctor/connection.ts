/** Judges the way to the other host, and what runs there. Pure. */
import type { ErrorCode } from '../tree/index.js';
import type { Compression } from '../wire/index.js';
import { counted, found, type Finding } from './finding.js';
import { isOlder } from './host.js';

/** What came of one connection. */
export interface Connected {
  /** Until both ends knew each other, ms. */
  readonly ms: number;
  /** As the other end said of itself; Node.js and system are told by later versions only. */
  readonly program: string;
  readonly node: string | undefined;
  readonly system: string | undefined;
  /** How far its clock is before ours (behind: negative), ms, and how far off that may be. */
  readonly skew: { readonly ms: number; readonly within: number } | undefined;
  /** The way there and back, ms. */
  readonly roundTripMs: number | undefined;
  readonly compression: Compression;
  readonly features: readonly string[];
  /** The program was sent there, for there is none. */
  readonly sent: boolean;
  readonly notices: readonly string[];
}

/** Why there was none. */
export interface Refused { readonly ms: number; readonly code: ErrorCode; readonly message: string; readonly advice: string | undefined }

/** A server's certificate, and this end's own. */
export interface Certificates {
  readonly connectMs: number;
  readonly fingerprint: string;
  /** ms since 1970; NaN: it does not say. */
  readonly notAfter: number;
  readonly verdict: 'known' | 'new' | 'asked' | 'exchanged' | 'changed';
  readonly knownHosts: string;
  /** Of --identity. */
  readonly own: { readonly file: string; readonly notAfter: number } | undefined;
}

export interface ConnectionFacts {
  readonly kind: 'ssh' | 'daemon';
  /** `user@host`, `host:port`. */
  readonly host: string;
  /** The remote shell's program, and the words that reach the host by hand. */
  readonly shell: string;
  readonly byHand: string;
  /** Port where one was named. */
  readonly port: number | undefined;
  readonly bootstrap: boolean;
  readonly result: { readonly connected: Connected } | { readonly refused: Refused };
  readonly certificates: Certificates | undefined;
  /** This end. */
  readonly ours: { readonly program: string; readonly compression: Compression; readonly features: readonly string[]; readonly leastNode: readonly [number, number] };
  readonly now: number;
}

/** Clocks that differ by more, ms: times of changes are compared across hosts by people and by -u. */
const SKEW = 2000;
const LARGE_SKEW = 60_000;
/** A certificate that ends within this is told, ms. */
const SOON = 30 * 86_400_000;
/** A way there and back that is long: each question costs it, ms. */
const LONG_WAY = 200;

export function judgeConnection(facts: ConnectionFacts): Finding[] {
  const findings = judgeCertificates(facts);
  const { result } = facts;
  if ('refused' in result) return [...findings, judgeRefusal(facts, result.refused)];
  return [...findings, ...judgeConnected(facts, result.connected)];
}

/** Characters of what was said that are told. */
const LONGEST_SAID = 400;

/** What ssh and its kin say, and what that means. */
const SAYINGS: readonly [words: RegExp, id: string, meaning: string, mend: (facts: ConnectionFacts) => string][] = [
  [/there is no such program|may not be executed/i, 'shell', 'The remote shell cannot be started', ({ shell }) => (shell === 'ssh' ? 'apt install openssh-client' : 'look at -e (--rsh), TWINTREE_RSH and RSYNC_RSH')],
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed/i, 'host-key', 'The host shows another key than it did before: it was set up anew, or somebody stands between', ({ host, port }) => `find out why; then: ssh-keygen -R ${port === undefined ? bare(host) : `'[${bare(host)}]:${port}'`}`],
  [/host key verification failed|no .*host key is known/i, 'host-key', 'The key of the host is not known or not accepted', ({ byHand }) => `${byHand}   # once, by hand: compare the fingerprint`],
  [/permission denied|too many authentication failures|no supported authentication/i, 'auth', 'The host does not let this user in', ({ host, port }) => `ssh-copy-id ${port === undefined ? '' : `-p ${port} `}${host}`],
  [/connection refused/i, 'refused', 'Nothing listens there', ({ kind, port }) => (kind === 'ssh' ? `on that host: systemctl start ssh${port === undefined ? '   # or name its port: -p, ssh://host:PORT/path' : ''}` : 'on that host: twintree serve --listen')],
  [/could not resolve|name or service not known|no such host|temporary failure in name resolution/i, 'name', 'There is no host of this name', ({ host }) => `getent hosts ${bare(host)}`],
  [/no route to host|network is unreachable|cannot be reached/i, 'unreachable', 'No way leads to the host', ({ host }) => `ip route get $(getent hosts ${bare(host)} | cut -d' ' -f1)`],
  [/timed out|does not answer/i, 'timeout', 'The host does not answer', ({ byHand }) => `${byHand}   # a firewall, or a host that is down`],
  [/an rsync answered|rsync error: |rsyncd?\.conf/i, 'rsync', 'A real rsync runs there in the place of twintree', () => 'leave --rsync-path out, or say --remote-path=twintree'],
  [/neither twintree nor Node\.js|the other host has Node\.js/i, 'program', 'Neither twintree nor a Node.js that runs it is there', ({ ours }) => `on that host: install Node.js ${ours.leastNode.join('.')} or later   # or name twintree: --remote-path=PATH`],
  [/command was not found/i, 'program', 'twintree is not there', ({ bootstrap }) => (bootstrap ? 'on that host: npm install -g twintree' : 'leave --no-bootstrap out, or on that host: npm install -g twintree   # or name it: --remote-path=PATH')],
  [/does not speak TLS|a web server|a mail|an ssh server/i, 'stranger', 'Something else listens there', () => 'look at the port'],
];

function bare(host: string): string {
  return host.slice(host.indexOf('@') + 1);
}

function judgeRefusal(facts: ConnectionFacts, { ms, code, message, advice }: Refused): Finding {
  const said = `It said: "${message.length > LONGEST_SAID ? `${message.slice(0, LONGEST_SAID)} …` : message}".`;
  if (code === 'CONNECT_TIMEOUT') return found('between.timeout', 'error', `${facts.host} did not answer within ${Math.round(ms / 1000)} s. ${said}`, `${facts.byHand}   # or give it longer: --contimeout`);
  if (code === 'VERSION') return found('between.version', 'error', `The two ends have no version of the protocol in common. ${said}`, `npm install -g twintree   # the same version on both hosts; this one is ${facts.ours.program}`);
  for (const [words, id, meaning, mend] of SAYINGS) if (words.test(message)) return found(`between.${id}`, 'error', `${facts.host}: ${meaning}. ${said}`, mend(facts));
  return found(code === 'NOT_TWINTREE' ? 'between.stranger' : 'between.connect', 'error', `${facts.host}: there is no connection. ${said}`, advice ?? facts.byHand);
}

function judgeConnected(facts: ConnectionFacts, peer: Connected): Finding[] {
  const { ours, host } = facts;
  const way = peer.roundTripMs === undefined ? '' : `, ${peer.roundTripMs.toFixed(peer.roundTripMs < 10 ? 1 : 0)} ms there and back`;
  const findings: Finding[] = [found('between.connection', 'ok', `${host} answered in ${Math.round(peer.ms)} ms${way}.`)];
  if (peer.roundTripMs !== undefined && peer.roundTripMs > LONG_WAY) findings.push(found('between.round-trip', 'note', `The way to ${host} and back takes ${Math.round(peer.roundTripMs)} ms.`));
  if (peer.sent) findings.push(found('between.bootstrap', 'note', `twintree is not installed on ${host}: it is sent over the connection each time.`, `on that host: npm install -g twintree   # or keep what is sent: --remote-cache`));
  for (const text of peer.notices) if (!peer.sent || !text.startsWith('twintree is not installed')) findings.push(found('between.notice', 'note', `${text}.`));
  if (peer.sent && peer.notices.some((text) => text.includes('without native calls'))) findings.push(found('between.calls', 'warning', `${host} is of another kind than this one, so that the program is sent without native calls: extended attributes, ACLs and ownership of links may not be kept there.`, 'on that host: npm install -g twintree'));
  const runs = peer.node === undefined ? '' : ` on Node.js ${peer.node}${peer.system === undefined ? '' : `, ${peer.system}`}`;
  const same = peer.program === ours.program || peer.sent || !/\d/.test(peer.program);
  if (same) findings.push(found('between.versions', 'ok', `There: ${peer.program}${runs}.`));
  else findings.push(found('between.versions', 'note', `There: ${peer.program}${runs}; here: ${ours.program}.`, 'npm install -g twintree   # on the host with the older one'));
  if (peer.node !== undefined && isOlder(peer.node, ...ours.leastNode)) findings.push(found('between.node', 'warning', `Node.js ${peer.node} on ${host} is older than ${ours.leastNode.join('.')}.`, `on that host: install Node.js ${ours.leastNode.join('.')} or later`));
  findings.push(judgeCompression(facts, peer), ...judgeFeatures(facts, peer), judgeClock(facts, peer));
  return findings;
}

function judgeCompression({ ours, host }: ConnectionFacts, { compression }: Connected): Finding {
  const common = (['zstd', 'brotli'] as const).filter((format) => ours.compression[format] && compression[format]);
  if (common.length === 0) return found('between.compression', 'warning', `${host} and this end have no format of compression in common: nothing is compressed.`, 'a newer Node.js on the older side');
  const lacking = ours.compression.zstd ? `on ${host}` : 'here';
  return common.includes('zstd') ? found('between.compression', 'ok', `Compressed with ${common[0] as string}.`) : found('between.compression', 'ok', `Compressed with ${common.join(', ')}; zstd needs Node.js 22.15 ${lacking}.`);
}

/** What an end that lacks a feature does not do. */
const MEANINGS: Readonly<Record<string, string>> = {
  'kept-sums': 'sums that are kept (--state) are not used',
  standing: 'each session makes a connection of its own',
  durable: 'each file is written through by itself, which is slower',
};

function judgeFeatures({ ours, host }: ConnectionFacts, peer: Connected): Finding[] {
  return ours.features.filter((feature) => !peer.features.includes(feature)).map((feature) =>
    found('between.features', 'note', `${host} does not know "${feature}": ${MEANINGS[feature] ?? 'it is not used'}.`, 'on that host: npm install -g twintree   # a newer one'));
}

function judgeClock({ host }: ConnectionFacts, { skew }: Connected): Finding {
  if (skew === undefined) return found('between.clock', 'note', `The clock of ${host} could not be asked: the twintree there does not tell it.`, 'on both hosts: date -u');
  const off = Math.abs(skew.ms);
  if (off <= SKEW + skew.within) return found('between.clock', 'ok', `The clocks differ by ${off < 1000 ? 'less than a second' : `${(off / 1000).toFixed(1)} s, as far as that can be told`}.`);
  const how = `${off >= 120_000 ? `${Math.round(off / 60_000)} minutes` : `${(off / 1000).toFixed(1)} s`} ${skew.ms > 0 ? 'ahead of' : 'behind'} this one`;
  return found('between.clock', off > LARGE_SKEW ? 'warning' : 'note', `The clock of ${host} is ${how}: -u, and programs that compare times of both hosts, go wrong.`, 'timedatectl set-ntp true   # on the host whose clock is wrong');
}

function judgeCertificates({ certificates, host, now }: ConnectionFacts): Finding[] {
  if (certificates === undefined) return [];
  const { fingerprint, verdict, knownHosts, own, notAfter, connectMs } = certificates;
  const findings: Finding[] = [];
  const shown = `${host} shows the certificate ${fingerprint}`;
  switch (verdict) {
    case 'known': findings.push(found('between.certificate', 'ok', `${shown}, as ${knownHosts} says (${Math.round(connectMs)} ms).`)); break;
    case 'asked': findings.push(found('between.certificate', 'ok', `${shown}, as --fingerprint says (${Math.round(connectMs)} ms).`)); break;
    case 'new': findings.push(found('between.certificate', 'note', `${shown}, which is new here: the first run would pin it in ${knownHosts}.`, `compare it with what \`twintree cert show\` says there, then: --fingerprint=${fingerprint}`)); break;
    case 'exchanged': case 'changed':
      findings.push(found('between.certificate', 'error', `${shown}, another one than ${verdict === 'changed' ? knownHosts : '--fingerprint'} says: it is another server, or somebody stands between.`, `find out why it changed, then change ${verdict === 'changed' ? `the line in ${knownHosts}` : '--fingerprint'}`));
      break;
  }
  findings.push(...judgeEnd('between.certificate-end', `the certificate of ${host}`, notAfter, now, 'on that host: twintree cert make'));
  if (own !== undefined) findings.push(...judgeEnd('between.identity-end', `the certificate in ${own.file}`, own.notAfter, now, 'twintree cert make'));
  return findings;
}

function judgeEnd(id: Finding['id'], what: string, notAfter: number, now: number, mend: string): Finding[] {
  if (!Number.isFinite(notAfter) || notAfter - now > SOON) return [];
  const day = new Date(notAfter).toISOString().slice(0, 10);
  const left = Math.ceil((notAfter - now) / 86_400_000);
  const when = left < 0 ? `ended on ${day}` : `ends on ${day}, in ${counted(left, 'day')}`;
  return [found(id, 'note', `By its dates ${what} ${when}. twintree goes by fingerprints and not by dates; other programs may refuse it.`, mend)];
}
