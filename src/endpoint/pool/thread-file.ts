/** The file that all worker threads run; what a thread does, its workerData tells (worker.ts). */
export function threadFile(): URL {
  return new URL('./worker.js', import.meta.url);
}
