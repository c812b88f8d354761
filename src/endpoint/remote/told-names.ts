/** Names of the source's users and groups, as far as they were told. */
import type { ByteString } from '../../tree/index.js';
import type { AnswerItem, WireName } from '../../wire/index.js';

/** Numbers remembered of each kind; more are asked for again. */
const MOST = 1 << 18;

/** Filled by whatever items tell names. */
export class ToldNames {
  readonly users = new Map<number, ByteString | undefined>();
  readonly groups = new Map<number, ByteString | undefined>();

  take(users: readonly WireName[] | undefined, groups: readonly WireName[] | undefined): void {
    for (const { id, name } of users ?? []) if (this.users.size < MOST) this.users.set(id, name);
    for (const { id, name } of groups ?? []) if (this.groups.size < MOST) this.groups.set(id, name);
  }

  takeAnswer({ users, groups }: AnswerItem): void {
    this.take(users, groups);
  }
}
