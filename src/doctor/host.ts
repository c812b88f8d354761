/** Judges this host by itself: what the program stands on. Pure. */
import { displayName, sizeText, type ByteString } from '../tree/index.js';
import { found, word, type Finding, type Severity } from './finding.js';

export interface HostFacts {
  /** Version of Node.js without `v`, and the least that serves. */
  readonly node: string;
  readonly leastNode: readonly [major: number, minor: number];
  readonly program: string;
  readonly system: string;
  /** Why the native calls are not used; undefined: they are. */
  readonly portable: string | undefined;
  readonly lacks: readonly string[];
  readonly kernel: 'simd' | 'plain' | 'twin';
  /** The folder of all state: its file system and room; `writable` undefined: nothing above it can be opened. */
  readonly state: { readonly folder: ByteString; readonly exists: boolean; readonly writable: boolean | undefined; readonly fileSystem: string; readonly freeBytes: number };
  /** Why no store can be used; undefined: it loads. */
  readonly store: string | undefined;
  /** Soft limit of open files; undefined: not known, or none. */
  readonly openFiles: number | undefined;
  readonly umask: number;
  /** $TZ, and the zone that the system's times are in; undefined: none is known. */
  readonly tz: string | undefined;
  readonly zone: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Fewer open files than this may not do for a tree with many threads, a mirror and its connections. */
const FEW_FILES = 512;
/** A state folder with less room than this is soon full, bytes. */
const LITTLE_ROOM = 64 << 20;
/** No clock that is right tells an earlier time: 2024. */
const EARLIEST = Date.UTC(2024, 0, 1);

/** @param keepsState what is asked for keeps state between runs */
export function judgeHost(facts: HostFacts, keepsState = false): Finding[] {
  const severity = keepsState ? 'error' : 'note';
  return [judgeNode(facts), judgeCalls(facts), judgeKernel(facts), ...judgeState(facts, severity), judgeStore(facts, severity), ...judgeLimits(facts), ...judgeTime(facts)];
}

function judgeNode({ node, leastNode: [major, minor], program, system }: HostFacts): Finding {
  if (isOlder(node, major, minor)) return found('host.node', 'error', `Node.js ${node} runs ${program}, which needs ${major}.${minor} or later.`, `install Node.js ${major}.${minor} or later`);
  return found('host.node', 'ok', `${program} on Node.js ${node}, ${system}.`);
}

/** Whether a version of Node.js is older than that. */
export function isOlder(version: string, major: number, minor: number): boolean {
  const [has = 0, part = 0] = version.replace(/^v/, '').split('.').map(Number);
  return has < major || (has === major && part < minor);
}

function judgeCalls({ portable, lacks }: HostFacts): Finding {
  if (portable === undefined) return found('host.calls', 'ok', 'System calls are made natively.');
  const lost = lacks.length === 0 ? '' : `; not kept: ${lacks.join(', ')}`;
  return found('host.calls', 'warning', `System calls go through Node.js alone (${portable})${lost}.`, portable.startsWith('TWINTREE_NO_FFI') ? 'unset TWINTREE_NO_FFI' : 'npm install -g twintree   # with its optional packages, for this platform');
}

function judgeKernel({ kernel }: HostFacts): Finding {
  if (kernel === 'simd') return found('host.kernel', 'ok', 'Sums are made by the WebAssembly kernel with SIMD.');
  return found('host.kernel', 'note', kernel === 'plain' ? 'Sums are made by the WebAssembly kernel without SIMD, several times slower.' : 'Sums are made in JavaScript: WebAssembly does not run here, and deltas are many times slower.', 'run it on a processor and a Node.js with WebAssembly SIMD');
}

function judgeState({ state: { folder, exists, writable, fileSystem, freeBytes } }: HostFacts, severity: Severity): Finding[] {
  const shown = displayName(folder);
  if (writable !== true) return [found('host.state-folder', severity, `The state folder ${shown} cannot be ${exists ? 'written' : 'made'}: --state, --guard-root and mirror do not work.`, 'export TWINTREE_STATE_DIR=/a/folder/you/can/write')];
  const findings: Finding[] = [found('host.state-folder', 'ok', `The state folder ${shown} ${exists ? 'can be written' : 'can be made'} (${fileSystem}).`)];
  if (['nfs', 'cifs', 'smb', '9p', 'fuse'].includes(fileSystem)) findings.push(found('host.state-network', 'warning', `The state folder ${shown} lies on a network file system (${fileSystem}), where its store is neither safe nor fast.`, 'export TWINTREE_STATE_DIR=/a/local/folder'));
  if (freeBytes < LITTLE_ROOM) findings.push(found('host.state-space', 'warning', `Only ${sizeText(freeBytes)} are free for the state folder ${shown}.`, `df -h ${word(folder)}`));
  return findings;
}

function judgeStore({ store }: HostFacts, severity: Severity): Finding {
  if (store === undefined) return found('host.store', 'ok', 'The store of the state loads.');
  return found('host.store', severity, `No state can be kept: ${store}. --state and mirror do not work.`, 'npm install -g twintree   # with its packages');
}

function judgeLimits({ openFiles, umask }: HostFacts): Finding[] {
  const findings: Finding[] = [];
  if (openFiles === undefined || openFiles >= FEW_FILES) findings.push(found('host.open-files', 'ok', `${openFiles ?? 'Any number of'} files may be open.`));
  else findings.push(found('host.open-files', 'warning', `Only ${openFiles} files may be open at once.`, 'ulimit -n 4096'));
  const octal = umask.toString(8).padStart(4, '0');
  if ((umask & 0o700) === 0) findings.push(found('host.umask', 'ok', `The umask is ${octal}.`));
  else findings.push(found('host.umask', 'warning', `The umask ${octal} takes rights from the owner: without -p new files cannot be used by whoever owns them.`, 'umask 022'));
  return findings;
}

function judgeTime({ tz, zone, now }: HostFacts): Finding[] {
  const findings: Finding[] = [];
  if (zone === undefined) findings.push(found('host.time-zone', 'warning', `The time zone ${tz === undefined ? 'of this host' : `TZ=${tz}`} is not known: timetables go by UTC.`, tz === undefined ? 'timedatectl set-timezone Europe/Berlin' : 'export TZ=Europe/Berlin'));
  else findings.push(found('host.time-zone', 'ok', `Times are in the zone ${zone}.`));
  if (now < EARLIEST) findings.push(found('host.clock', 'error', `The clock of this host says ${new Date(now).toISOString()}.`, 'timedatectl set-ntp true'));
  return findings;
}
