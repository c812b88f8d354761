/**
 * What is remembered between runs. It never lies inside a tree. All but the dirty set is a cache: it may be deleted at any time and costs time.
 */
export { pairName, stateFolder } from './place.js';
export { RootGuard, type GuardedRoot } from './root-guard.js';
export { Fence, type Holder } from './fence.js';
export { isStandbyPoint, MOST_STANDBY_NAMES, parseStandbyNote, sameSource, Standby, type StandbyNote, type StandbyPhase, type StandbyPoint } from './standby.js';
export { dropPromotion, promotionFolders, promotionOf, upwards, writePromotion, type Promotion } from './promotion.js';
export { allRetired, dropRetired, readRetired, writeRetired, type Retired } from './retired.js';
export { liesInside, openDirtySet, openTables, pairFolder, PairState, type PairRequest, type StoreTables } from './store/pair-state.js';
export { inspectPair, type PairCondition } from './store/inspect.js';
export { lockHolder, type LockHolder } from './store/pair-lock.js';
export { DirtyReason, DirtySet, MAX_DIRTY, type DirtyMark, type DirtyRecord, type Horizon } from './store/dirty-set.js';
export { CONTENT_HASH_BYTES, EntryIndex, type IndexRecord, type Seen, type Side } from './store/entry-index.js';
export { fingerprintOf, hasFingerprint, isSettled, RACY_MS, sameFingerprint, type Fingerprint } from './store/fingerprint.js';
export { inodeKey, isReused, PlaceTable, PLACES_DIGEST_BYTES, samePlace, type InodeKey, type Place, type PlacedInode } from './store/places.js';
export { SumTable, TAG_BYTES, type SumHead } from './store/sum-table.js';
export { pairSeed, seedTag } from './pair-seed.js';
export { RunHistory, type Retention, type RunRecord } from './store/run-history.js';
export { STATE_FORMAT, type Migrations, type PairName } from './store/format.js';
export { storeIsMissing, type Table } from './store/lmdb.js';
export { NoteLock } from './note-lock.js';
export { SharedStore, type SharedStoreRequest, type StoreUse } from './store/shared-store.js';
export { DigestIndex, SHA256_BYTES, type DigestIndexRequest, type FileDigest, type KnownFolder } from './store/digest-index.js';
