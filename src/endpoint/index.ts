/** Who reads or writes one tree: scanning, carrying out, and the threads that do it. */
export * from './source/index.js';
export * from './scan/index.js';
export * from './apply/index.js';
export * from './pool/index.js';
export * from './remote/index.js';
export * from './supply/index.js';
export * from './recorded/index.js';
export type { HashStore } from './content-hashes.js';
export { addChanges, commitPlaces, noChanges, PlaceNotes, type MovedEntry, type PlaceChanges, type PlaceStore } from './place-notes.js';
export type { SumStore } from './kept-sums.js';
export { idMapper, type SourceNames } from './ids.js';
export { followsLeaf, xattrPolicy } from './xattrs.js';
