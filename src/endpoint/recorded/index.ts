/** Recorded sessions: what goes by is kept in a batch, and a batch answers in place of a source. */
export { badBatch, BATCH_MAGIC, BATCH_VERSION, guarded } from './format.js';
export { Recorder, type RecordSetup } from './recorder.js';
export { BatchReader, type BatchEntry, type BatchIndex } from './reader.js';
export { NO_CONTENT, OTHER_BASIS } from './errnos.js';
export { BatchSupplier, type BatchBytes } from './supplier.js';
export { batchBytes, type ReplayData } from './replay-link.js';
export { Recording } from './recording.js';
