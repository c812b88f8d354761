/** account: a user of this host with the group and the home folder that go with it, from /etc/passwd or the directory server. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A user as passwd(5) has it. */
export interface Account { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string }

/** Looks a user up by name or number; undefined where there is none. */
export function accountOf(user: string): Account | undefined {
  if (user === '' || user.startsWith('-') || /[:\n\0]/.test(user)) return undefined;
  let local = '';
  try {
    local = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A host without the file asks its directory alone.
  }
  const found = find(local, user);
  if (found !== undefined) return found;
  const asked = spawnSync('getent', ['passwd', user], { encoding: 'utf8', timeout: 15_000, stdio: ['ignore', 'pipe', 'ignore'] });
  return asked.status === 0 ? find(asked.stdout, user) : undefined;
}

function find(text: string, user: string): Account | undefined {
  const number = /^[0-9]+$/.test(user) ? Number(user) : undefined;
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = '', , home = '/'] = line.split(':');
    if (!/^[0-9]+$/.test(uid) || !/^[0-9]+$/.test(gid)) continue;
    if (name === user || (number !== undefined && Number(uid) === number)) return { name, uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}
