/** Names of owners and groups, told on a channel once each: the session maps them to its own. */
import { nameOfGid, nameOfUid } from '../../fs/index.js';
import type { WireName } from '../../wire/index.js';

/** What has been told on one channel. */
export class ToldNames {
  private readonly uids = new Set<number>();
  private readonly gids = new Set<number>();
  users: WireName[] = [];
  groups: WireName[] = [];

  /** Notes the owners of an entry; what is new waits in `users` and `groups`. */
  note(uid: number, gid: number): void {
    if (!this.uids.has(uid)) {
      this.uids.add(uid);
      this.users.push({ id: uid, name: nameOfUid(uid) });
    }
    if (!this.gids.has(gid)) {
      this.gids.add(gid);
      this.groups.push({ id: gid, name: nameOfGid(gid) });
    }
  }

  /** Takes what waits. */
  take(): { users: WireName[]; groups: WireName[] } {
    const { users, groups } = this;
    if (users.length > 0) this.users = [];
    if (groups.length > 0) this.groups = [];
    return { users, groups };
  }
}
