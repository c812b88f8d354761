/**
 * ids: names of users and groups ↔ ids, as bytes.
 *
 * Reads /etc/passwd and /etc/group itself; a name or id that is not there is asked of `getent`, and only where
 * /etc/nsswitch.conf names another source (LDAP, SSSD, systemd). Every answer, also "unknown", is kept until
 * `forgetIds`. A name from a peer is never an option or a number to `getent`: the answer must carry it.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ByteString } from '../tree/index.js';

type Kind = 'passwd' | 'group';

/** Where names come from; the tests have their own. */
export interface IdSources {
  /** Text of passwd, group or nsswitch.conf; empty where there is none. */
  read(file: 'passwd' | 'group' | 'nsswitch.conf'): string;
  /** A line of `getent <kind> <key>`, or undefined. */
  ask(kind: Kind, key: string): string | undefined;
}

/** Longest wait for a directory server, in ms, for each name. */
const GETENT_TIMEOUT = 15_000;

const system: IdSources = {
  read(file) {
    try {
      return readFileSync(`/etc/${file}`, 'latin1');
    } catch {
      return ''; // a system without the file has no such names: all ids stay numbers
    }
  },
  ask(kind, key) {
    const r = spawnSync('getent', [kind, key], { encoding: 'latin1', timeout: GETENT_TIMEOUT, stdio: ['ignore', 'pipe', 'ignore'] });
    return r.status === 0 ? r.stdout.split('\n', 1)[0] : undefined;
  },
};

/** One of the two data bases: name:password:id:… */
class Names {
  private readonly ids = new Map<string, number | undefined>();
  private readonly names = new Map<number, ByteString | undefined>();
  private readonly elsewhere: boolean;

  constructor(private readonly kind: Kind, private readonly sources: IdSources) {
    for (const line of sources.read(kind).split('\n')) this.take(line);
    this.elsewhere = hasOtherSource(sources.read('nsswitch.conf'), kind);
  }

  id(name: ByteString): number | undefined {
    if (this.ids.has(name)) return this.ids.get(name);
    const key = this.elsewhere && canBeAsked(name) ? asText(name) : undefined;
    if (key !== undefined) this.take(this.sources.ask(this.kind, key) ?? '');
    if (!this.ids.has(name)) this.ids.set(name, undefined);
    return this.ids.get(name);
  }

  name(id: number): ByteString | undefined {
    if (this.names.has(id)) return this.names.get(id);
    if (this.elsewhere && Number.isInteger(id) && id >= 0) this.take(this.sources.ask(this.kind, String(id)) ?? '');
    if (!this.names.has(id)) this.names.set(id, undefined);
    return this.names.get(id);
  }

  /** Takes one line in; the first line of a name or id wins, as in the C library. */
  private take(line: string): void {
    const [name, , id] = line.split(':');
    if (name === undefined || name === '' || /^[+#-]/.test(name) || id === undefined || !/^\d{1,10}$/.test(id)) return;
    const number = Number(id);
    if (this.ids.get(name) === undefined) this.ids.set(name, number);
    if (this.names.get(number) === undefined) this.names.set(number, name as ByteString);
  }
}

/** Whether nsswitch.conf names a source besides the files. */
function hasOtherSource(text: string, kind: Kind): boolean {
  const line = text.split('\n').find((l) => l.trimStart().startsWith(`${kind}:`));
  if (line === undefined) return false;
  const sources = line.replace(/#.*/, '').replace(/\[[^\]]*\]/g, ' ').trim().split(/\s+/).slice(1);
  return sources.some((s) => s !== 'files' && s !== 'compat');
}

/** A name of digits would be answered as an id, one with a dash be taken as an option; the rest stands in no data base. */
function canBeAsked(name: ByteString): boolean {
  return name !== '' && !name.startsWith('-') && !/^\d+$/.test(name) && !name.includes(':') && !name.includes('\n') && !name.includes('\0');
}

/** Bytes → text for a command line, which is UTF-8; undefined where the bytes are not. */
function asText(name: ByteString): string | undefined {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return Buffer.from(text, 'utf8').latin1Slice() === name ? text : undefined;
}

/** User and group names of one host. */
export class IdNames {
  private users: Names | undefined;
  private groups: Names | undefined;

  constructor(private readonly sources: IdSources = system) {}

  uidOfName(name: ByteString): number | undefined { return (this.users ??= new Names('passwd', this.sources)).id(name); }
  nameOfUid(uid: number): ByteString | undefined { return (this.users ??= new Names('passwd', this.sources)).name(uid); }
  gidOfName(name: ByteString): number | undefined { return (this.groups ??= new Names('group', this.sources)).id(name); }
  nameOfGid(gid: number): ByteString | undefined { return (this.groups ??= new Names('group', this.sources)).name(gid); }
  forget(): void { this.users = this.groups = undefined; }
}

const here = new IdNames();

/** Id of a user's name on this host, or undefined. */
export function uidOfName(name: ByteString): number | undefined { return here.uidOfName(name); }
/** Name of a user id on this host, or undefined. */
export function nameOfUid(uid: number): ByteString | undefined { return here.nameOfUid(uid); }
/** Id of a group's name on this host, or undefined. */
export function gidOfName(name: ByteString): number | undefined { return here.gidOfName(name); }
/** Name of a group id on this host, or undefined. */
export function nameOfGid(gid: number): ByteString | undefined { return here.nameOfGid(gid); }
/** Reads everything anew at the next question; a long-lived process asks for it before a run. */
export function forgetIds(): void { here.forget(); }
