/** What this process may do beyond its user: the kernel's capabilities. Linux only. */
import { fromText } from '../tree/index.js';
import { readWholeFile } from './temp.js';

/** Numbers of capabilities(7) that copying trees asks for. */
export const CAPABILITIES = {
  chown: 0, dacOverride: 1, dacReadSearch: 2, fowner: 3, mknod: 27, sysAdmin: 21, setfcap: 31,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** Those that count for files in the first user namespace alone, whoever holds them in another one. */
const FIRST_ALONE: ReadonlySet<Capability> = new Set(['mknod', 'sysAdmin']);

/** Whether users are not those of the first namespace, as in a container without root. */
function inOwnNamespace(): boolean {
  const map = readWholeFile(fromText('/proc/self/uid_map'), 1 << 16);
  return typeof map !== 'number' && !/^\s*0\s+0\s+4294967295\s*$/.test(map.toString('latin1'));
}

/** The effective capabilities, as far as they count for files; undefined where the system does not tell. */
export function ownCapabilities(): ReadonlySet<Capability> | undefined {
  const status = readWholeFile(fromText('/proc/self/status'), 1 << 16);
  const words = typeof status === 'number' ? null : /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status.toString('latin1'));
  if (words === null) return undefined;
  const bits = BigInt(`0x${words[1] as string}`);
  const names = Object.keys(CAPABILITIES) as Capability[];
  const held = names.filter((name) => ((bits >> BigInt(CAPABILITIES[name])) & 1n) === 1n);
  return new Set(inOwnNamespace() ? held.filter((name) => !FIRST_ALONE.has(name)) : held);
}
