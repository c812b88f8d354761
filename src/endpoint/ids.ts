/** The id mapper of a session on one machine: both sides ask the same users and groups. */
import { gidOfName, nameOfGid, nameOfUid, uidOfName } from '../fs/index.js';
import { IdMapper, type SessionOptions } from '../plan/index.js';
import type { ByteString } from '../tree/index.js';

/** Mapper by the options' rules; without rules every id stays itself. */
export function idMapper(options: SessionOptions): IdMapper {
  const a = options.attributes;
  return new IdMapper({
    userMap: a.userMap, groupMap: a.groupMap, numericIds: a.numericIds, sameNames: true,
    users: { nameOfSource: nameOfUid, idOfTarget: (name) => uidOfName(name as ByteString) },
    groups: { nameOfSource: nameOfGid, idOfTarget: (name) => gidOfName(name as ByteString) },
  });
}
