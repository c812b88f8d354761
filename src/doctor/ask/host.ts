/** Asks this host for its facts. Nothing is made but a probe in the state folder, which is removed at once. */
import { dirname } from 'node:path/posix';
import { createKernel } from '../../hash/index.js';
import { Errno, loadOwnPosix, loadPosix, portableReason, probeTarget, readWholeFile } from '../../fs/index.js';
import { stateFolder, storeIsMissing } from '../../state/index.js';
import { LEAST_NODE, ownProgram } from '../../transport/index.js';
import { fromText, type ByteString } from '../../tree/index.js';
import type { HostFacts } from '../host.js';

/** @param umask of the process, which a session takes away while it runs */
export function askHost(umask: number): HostFacts {
  const posix = loadPosix();
  const tz = process.env['TZ'];
  return {
    node: process.versions.node, leastNode: LEAST_NODE, program: ownProgram(), system: `${process.platform} ${process.arch}`, portable: posix.kind === 'native' ? undefined : (portableReason() ?? 'there are no native calls here'),
    lacks: [...posix.lacks], kernel: createKernel().kind, state: askStateFolder(), store: storeIsMissing(), openFiles: openFiles(), umask, tz: tz === '' ? undefined : tz, zone: zoneOf(tz), now: Date.now(),
  };
}

function askStateFolder(): HostFacts['state'] {
  const posix = loadOwnPosix();
  const folder = stateFolder(process.env, posix.euid);
  for (let at: string = folder; ; at = dirname(at)) {
    const fd = posix.openRoot(at as ByteString);
    if (fd < 0) {
      if (fd === -Errno.ENOENT && at !== '/' && at !== '.') continue;
      return { folder, exists: false, writable: undefined, fileSystem: 'unknown', freeBytes: 0 };
    }
    const traits = probeTarget(posix, fd);
    const info = posix.statfs(fd);
    const writable = traits.writable;
    posix.close(fd);
    return { folder, exists: at === folder, writable, fileSystem: traits.fileSystem, freeBytes: typeof info === 'number' ? Infinity : info.availableBlocks * info.blockSize };
  }
}

function openFiles(): number | undefined {
  const limits = readWholeFile(fromText('/proc/self/limits'), 1 << 16);
  const words = typeof limits === 'number' ? null : /^Max open files\s+(\d+)/m.exec(limits.toString('latin1'));
  return words === null ? undefined : Number(words[1]);
}

/** The zone of local times; undefined where TZ names none that is known. */
function zoneOf(tz: string | undefined): string | undefined {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone as string | undefined;
  if (tz === undefined || tz === '') return zone;
  const name = tz.replace(/^:/, '');
  if (name.startsWith('/')) return zone;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return /^[A-Za-z]{3,}[-+]?\d|^<[^>]+>[-+]?\d/.test(name) ? name : undefined; // POSIX's own form, which has its rules in itself
  }
}
