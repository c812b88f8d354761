/** How the state and the status of a mirror name its two trees: the same for the same words, from wherever they are said. */
import { posix as path } from 'node:path';
import { fromText, type ByteString } from '../../tree/index.js';
import type { HostSpec } from '../options/index.js';

/** Under a name of its own, so that a mirror and `sync --state` of the same trees keep out of each other's way. */
export function mirrorPair(source: ByteString, target: ByteString, host: HostSpec | undefined): { source: ByteString; target: ByteString } {
  return { source: `mirror:${localPath(source)}` as ByteString, target: host === undefined ? localPath(target) : hostPath(host, target) };
}

/** Absolute, without a slash at its end. */
export function localPath(name: ByteString): ByteString {
  const absolute = name.startsWith('/') ? name : `${fromText(process.cwd())}/${name}`;
  return trimmed(path.normalize(absolute));
}

function hostPath(host: HostSpec, target: ByteString): ByteString {
  if (host.kind === 'daemon') return trimmed(`twintree://${host.host}:${host.port}/${host.root}${target}`);
  return trimmed(`${host.user === undefined ? '' : `${host.user}@`}${host.host}${host.port === undefined ? '' : `:${host.port}`}:${target}`);
}

function trimmed(name: string): ByteString {
  return name.replace(/(?<=[^:/])\/+$|(?<=(?:^|:)\/)\/+$/, '') as ByteString; // a root keeps its slash: host: is a home
}
