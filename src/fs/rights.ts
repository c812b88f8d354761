/** What this process may do beyond its user: the kernel's capabilities. Linux only. */
import { fromText } from '../tree/index.js';
import { readWholeFile } from './temp.js';

/** Numbers of capabilities(7) that copying trees asks for. */
export const CAPABILITIES = {
  chown: 0, dacOverride: 1, dacReadSearch: 2, fowner: 3, mknod: 27, sysAdmin: 21, setfcap: 31,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** The effective capabilities; undefined where the system does not tell. */
export function ownCapabilities(): ReadonlySet<Capability> | undefined {
  const status = readWholeFile(fromText('/proc/self/status'), 1 << 16);
  const words = typeof status === 'number' ? null : /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status.toString('latin1'));
  if (words === null) return undefined;
  const bits = BigInt(`0x${words[1] as string}`);
  const names = Object.keys(CAPABILITIES) as Capability[];
  return new Set(names.filter((name) => ((bits >> BigInt(CAPABILITIES[name])) & 1n) === 1n));
}
