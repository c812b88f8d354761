/** What tells of changes: the kernel's calls, their events taken apart, the mount table. */
export { KernelWatch, POLLIN, POLLPRI, type FileSystemId } from './kernel-watch.js';
export * from './events.js';
export { parseMountInfo, readMounts, type MountEntry } from './mounts.js';
