/** The id mapper of a session: by the names of one machine's users and groups, or by the source's names and this host's. */
import { gidOfName, nameOfGid, nameOfUid, uidOfName } from '../fs/index.js';
import { IdMapper, type SessionOptions } from '../plan/index.js';
import type { ByteString } from '../tree/index.js';

/** Names of a source on another host. */
export interface SourceNames {
  /** undefined: the number has no name there. */
  nameOfUid(uid: number): ByteString | undefined;
  nameOfGid(gid: number): ByteString | undefined;
}

/** Mapper by the options' rules; on one machine (`source` undefined), and with --numeric-ids, without rules every id stays itself. */
export function idMapper(options: SessionOptions, source?: SourceNames): IdMapper {
  const a = options.attributes;
  return new IdMapper({
    userMap: a.userMap, groupMap: a.groupMap, numericIds: a.numericIds, sameNames: source === undefined,
    users: { nameOfSource: source === undefined ? nameOfUid : (uid) => source.nameOfUid(uid), idOfTarget: (name) => uidOfName(name as ByteString) },
    groups: { nameOfSource: source === undefined ? nameOfGid : (gid) => source.nameOfGid(gid), idOfTarget: (name) => gidOfName(name as ByteString) },
  });
}
