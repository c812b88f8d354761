/** Where the configuration of jobs is, and its files as they lie on this machine. */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { Errno, errnoText, namesIn, ownerOf, readWholeFile } from '../../fs/index.js';
import { loadConfig, nearest, type Config, type ConfigSource, type FileRead, type JobConfig, type Secret } from '../../job/index.js';
import { displayName, fromText, type ByteString } from '../../tree/index.js';
import { typed } from '../commands/small-args.js';
import { usageError } from '../errors.js';
import { processContext } from '../commands/shared.js';
import { systemZone } from '../options/rates.js';
import { optionCatalog } from './catalog.js';

/** Longest file, bytes. */
const LONGEST = 1 << 20;

/** --config, or the usual place. Absolute. */
export function configFile(given: ByteString | undefined, env: NodeJS.ProcessEnv = process.env, euid = process.geteuid?.() ?? 0): string {
  if (given !== undefined) return resolve(typed(given));
  if (euid === 0) return '/etc/twintree/twintree.yaml';
  const xdg = env['XDG_CONFIG_HOME'];
  return `${xdg !== undefined && xdg.startsWith('/') ? xdg : `${homedir()}/.config`}/twintree/twintree.yaml`;
}

/** Reads it as it is now. @throws ConfigError with all that is wrong. */
export function readConfig(file: string): Config {
  return loadConfig(file, diskSource());
}

export function diskSource(): ConfigSource {
  return {
    readFile: readConfigFile,
    list: (folder) => {
      const names = namesIn(fromText(folder));
      return typeof names === 'number' ? undefined : names.map((name) => displayName(name));
    },
    catalog: optionCatalog(processContext()),
    zone: systemZone(),
  };
}

/** A file of configuration: one that others could write to is refused, for it names commands. */
export function readConfigFile(path: string): FileRead {
  const owner = ownerOf(fromText(path));
  if (typeof owner === 'number') {
    const missing = owner === -Errno.ENOENT;
    return { error: missing ? 'there is no such file' : `it cannot be read: ${errnoText(-owner)}`, ...(missing ? { missing, advice: 'docs/jobs.md has an example; --config names another file.' } : {}) };
  }
  if (!owner.isFile) return { error: 'it is no file' };
  const euid = process.geteuid?.() ?? 0;
  if (owner.uid !== 0 && owner.uid !== euid) return { error: 'it belongs to another user, who could have commands run by it', advice: 'Change its owner: chown.' };
  if ((owner.mode & 0o002) !== 0) return { error: 'everybody can write to it, and have commands run by it', advice: 'Take that away: chmod o-w.' };
  const content = readWholeFile(fromText(path), LONGEST);
  if (typeof content === 'number') return { error: content === -Errno.EFBIG ? 'it is longer than 1 MiB' : `it cannot be read: ${errnoText(-content)}` };
  const text = content.toString('utf8');
  return Buffer.from(text, 'utf8').equals(content) ? { text } : { error: 'it is not UTF-8' };
}

/** What is not as it should be with a secret, here and now; undefined: nothing. */
export function secretFault(secret: Secret): string | undefined {
  if (secret.kind === 'env') return process.env[secret.name] === undefined ? `the environment variable ${secret.name} is not set here` : undefined;
  const owner = ownerOf(fromText(secret.path));
  if (typeof owner === 'number') return `${secret.path}: ${errnoText(-owner)}`;
  return (owner.mode & 0o077) === 0 ? undefined : `${secret.path} can be used by others than its user (mode ${owner.mode.toString(8)})`;
}

/** @throws CommandError USAGE that tells the nearest name. */
export function jobNamed(jobs: Config['jobs'], name: string): JobConfig {
  const job = jobs.get(name);
  if (job !== undefined) return job;
  const near = nearest(name, jobs.keys());
  throw usageError(`there is no job ${JSON.stringify(name)}`, near === undefined ? 'twintree job list shows them.' : `Did you mean ${near}?`);
}
