/**
 * Privileges: a serving process becomes another user, for good, before it opens anything for a peer; and one of the places that a root
 * has for connections. Both refuse to go on where they fail.
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { accountOf, Errno, errnoText, gidOfName, loadOwnPosix, makeFolders, reloadPosix } from '../../fs/index.js';
import { stateFolder } from '../../state/index.js';
import { fromText, TwintreeError, type ByteString } from '../../tree/index.js';

/** Makes this process `user`'s (with `group`, or the user's own; no other groups). @throws TwintreeError REFUSED, TARGET_UNUSABLE. */
export function becomeUser(user: string, group: string | undefined): void {
  const account = accountOf(user);
  if (account === undefined) throw cannot(`there is no user "${user}" here`);
  const gid = group === undefined ? account.gid : /^[0-9]+$/.test(group) ? Number(group) : gidOfName(fromText(group));
  if (gid === undefined) throw cannot(`there is no group "${group ?? ''}" here`);
  const { setgroups, setgid, setuid, getuid, geteuid, getgid, getegid, getgroups } = process;
  if (setgroups === undefined || setgid === undefined || setuid === undefined || getuid === undefined || geteuid === undefined || getgid === undefined || getegid === undefined || getgroups === undefined) {
    throw cannot('this system has no users to become');
  }
  const isAlready = (): boolean => getuid() === account.uid && geteuid() === account.uid && getgid() === gid && getegid() === gid;
  if (geteuid() !== 0) {
    if (isAlready()) return;
    throw cannot(`only root can become "${user}"`);
  }
  if (account.uid !== 0) makeAccountState(account.uid, gid);
  try {
    setgroups([gid]);
    setgid(gid);
    setuid(account.uid);
  } catch (error) {
    throw cannot(`it cannot become "${user}": ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (!isAlready() || getgroups().some((other) => other !== gid)) throw cannot(`it did not become "${user}"`);
  if (account.uid !== 0) {
    let back = true;
    try {
      setuid(0);
    } catch {
      back = false; // as it must be
    }
    if (back) throw cannot(`it became "${user}" only for a time`);
  }
  process.env['HOME'] = account.home;
  process.env['USER'] = process.env['LOGNAME'] = account.name;
  for (const name of ['XDG_STATE_HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_RUNTIME_DIR']) delete process.env[name];
  reloadPosix();
}

/** A state folder for sessions of that user, beside root's own: many accounts that serve have no home. */
function makeAccountState(uid: number, gid: number): void {
  const posix = loadOwnPosix();
  const base = `${stateFolder(process.env, 0)}-accounts` as ByteString;
  const name = `${uid}` as ByteString;
  const above = makeFolders(posix, base, 0o711);
  if (above < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-above)}`, { path: base });
  const made = posix.mkdir(above, name, 0o700);
  const error = made < 0 && made !== -Errno.EEXIST ? made : posix.chown(above, name, uid, gid);
  posix.close(above);
  if (error < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-error)}`, { path: base });
  process.env['TWINTREE_STATE_DIR'] = `${base}/${name}`;
}

function cannot(why: string, cause?: unknown): TwintreeError {
  return new TwintreeError('REFUSED', `this side drops its privileges, and ${why}`, cause === undefined ? {} : { cause });
}

/**
 * Takes one of `most` places for connections to what `key` names. The kernel gives it back when this process ends, whatever happens to
 * it. @throws TwintreeError REFUSED where all are taken, IO.
 */
export function takePlace(key: string, most: number): void {
  const posix = loadOwnPosix();
  const stem = `${stateFolder(process.env, posix.euid)}/serve/${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
  const folder = dirname(stem) as ByteString;
  const at = makeFolders(posix, folder, 0o700);
  if (at < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-at)}`, { path: folder });
  try {
    for (let k = 0; k < most; k++) {
      const fd = posix.open(at, `${stem.slice(folder.length + 1)}.${k}` as ByteString, { write: true, create: true }, 0o600);
      if (fd < 0) throw new TwintreeError('IO', `a place for the connection cannot be taken: ${errnoText(-fd)}`, { path: folder });
      if (posix.flock(fd, 'exclusive') === 0) return; // held until this process ends
      posix.close(fd);
    }
  } finally {
    posix.close(at);
  }
  throw new TwintreeError('REFUSED', `this root has all of its ${most} connections`, { advice: 'Try again later.' });
}
