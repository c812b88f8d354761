/** Judges what the users at both ends may do against what the options ask for. Pure. */
import type { Capability } from '../fs/index.js';
import type { SessionOptions } from '../plan/index.js';
import { found, type Finding } from './finding.js';

export interface RightsFacts {
  /** What this end does with its tree. */
  readonly side: 'source' | 'target';
  /** `here`, or the other host's name. */
  readonly where: string;
  readonly uid: number;
  /** Undefined where the system does not tell: the user decides. */
  readonly capabilities: ReadonlySet<Capability> | undefined;
  /** The source has device nodes. */
  readonly devices: boolean;
}

type Asked = Pick<SessionOptions, 'attributes'>;

export function judgeRights(facts: RightsFacts, options: Asked): Finding[] {
  return facts.side === 'source' ? judgeReading(facts) : judgeWriting(facts, options);
}

function may({ capabilities, uid }: RightsFacts, ...any: readonly Capability[]): boolean {
  return capabilities === undefined ? uid === 0 : any.some((each) => capabilities.has(each));
}

function who({ uid, where }: RightsFacts): string {
  return `${uid === 0 ? 'root' : `user ${uid}`} ${where === 'here' ? 'here' : `on ${where}`}`;
}

const AS_ROOT = 'run it as root (at the other end: --remote-path="sudo twintree")';

function judgeReading(facts: RightsFacts): Finding[] {
  if (may(facts, 'dacReadSearch', 'dacOverride')) return [found('rights.read', 'ok', `The source is read as ${who(facts)}, who may read everything.`)];
  const missing = facts.uid === 0 ? ', without the capability CAP_DAC_READ_SEARCH' : '';
  return [found('rights.read', facts.uid === 0 ? 'warning' : 'note', `The source is read as ${who(facts)}${missing}: what that user may not read is left out and told.`, facts.uid === 0 ? 'setcap or the container must give CAP_DAC_READ_SEARCH' : 'run it as root, or with AmbientCapabilities=CAP_DAC_READ_SEARCH')];
}

function judgeWriting(facts: RightsFacts, { attributes: a }: Asked): Finding[] {
  const findings: Finding[] = [found('rights.user', 'ok', `The target is written as ${who(facts)}.`)];
  if (a.fakeSuper.target) return findings; // all of it is kept in attributes of plain files
  const lacking = (id: Finding['id'], asked: boolean, capability: Capability, name: string, what: string, without: string, matters = true): void => {
    if (!asked || may(facts, capability)) return;
    // root that lacks it is believed to have it, and fails at each entry
    findings.push(found(id, facts.uid === 0 && matters ? 'warning' : 'note', `${capital(who(facts))} has no ${name}: ${what}.`, facts.uid === 0 ? `give the container or unit ${name}, or say ${without}` : `${AS_ROOT}, or say ${without}`));
  };
  lacking('rights.owner', a.owner || a.group, 'chown', 'CAP_CHOWN', 'owners, and groups that the user is not in, are not kept', '--no-o --no-g, or --fake-super');
  lacking('rights.devices', a.devices, 'mknod', 'CAP_MKNOD', 'device nodes are not made', '--no-devices', facts.devices);
  lacking('rights.xattrs', a.xattrs, 'sysAdmin', 'CAP_SYS_ADMIN', 'of the extended attributes only those of the space user.* are kept', '--fake-super', false);
  if (facts.uid === 0) lacking('rights.modes', a.perms, 'fowner', 'CAP_FOWNER', 'permissions and times of other users\' files cannot be set', '--no-p');
  return findings;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
