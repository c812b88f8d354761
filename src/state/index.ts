/**
 * What is remembered between runs. It never lies inside a tree. All but the dirty set is a cache: it may be deleted at any time and costs time.
 */
export { pairName, stateFolder } from './place.js';
export { RootGuard, type GuardedRoot } from './root-guard.js';
export { Fence, type Holder } from './fence.js';
export { openDirtySet, openTables, pairFolder, PairState, type PairRequest, type StoreTables } from './store/pair-state.js';
export { lockHolder, type LockHolder } from './store/pair-lock.js';
export { DirtyReason, DirtySet, MAX_DIRTY, type DirtyMark, type DirtyRecord } from './store/dirty-set.js';
export { CONTENT_HASH_BYTES, EntryIndex, type IndexRecord, type Seen, type Side } from './store/entry-index.js';
export { fingerprintOf, hasFingerprint, isSettled, RACY_MS, sameFingerprint, type Fingerprint } from './store/fingerprint.js';
export { MAX_SIGNATURE_BYTES, SignatureTable } from './store/signatures.js';
export { inodeKey, isReused, PlaceTable, PLACES_DIGEST_BYTES, samePlace, type InodeKey, type Place, type PlacedInode } from './store/places.js';
export { RunHistory, type Retention, type RunRecord } from './store/run-history.js';
export { STATE_FORMAT, type PairName } from './store/format.js';
export { storeIsMissing } from './store/lmdb.js';
