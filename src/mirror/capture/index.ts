/** Capture: what may differ in a tree since a moment, from the kernel's events. */
export { Capture, type CaptureListener, type CaptureOptions, type CaptureStatus } from './capture.js';
export type { BackendChoice, BackendName, BackendOptions, CaptureState, Condition, ConditionKind, Prune, QueueBackend, Sink } from './types.js';
export { FanotifyBackend } from './fanotify.js';
export { InotifyBackend } from './inotify.js';
export { HintQueue } from './hint-queue.js';
export { pruneOf, type PruneRules } from './prune.js';
