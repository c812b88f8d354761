/** Proof that two trees are equal: digests of both, a comparison, and signed evidence that can be checked later without the source. */
export { checkOptions, digestAhead, proveEqual, whyNot, type Place, type Proof, type ProofListener, type ProofProgress, type ProofRequest } from './prove.js';
export { serveDigest } from './digest/serve.js';
export type { DigestStats, ReadMode, TreeSide } from './digest/request.js';
export type { Note, NoteDetail, NoteKind } from './compare/notes.js';
export { checkEvidence, type CheckRequest, type CheckResult, type EntryField, type TreeDifference } from './file/check.js';
export { compareEvidence } from './file/compare.js';
export { extractEvidence } from './file/extract.js';
export { defaultKey, keyFingerprint, makeKey, readKey, readPublicKey, type SigningKey } from './file/key.js';
export { readEvidence, type ReadEvidence } from './file/read.js';
export type { EvidenceResult, StatedTree, Statement } from './file/statement.js';
