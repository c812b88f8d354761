/** Works under limits, and tells what that took; see brake.test.ts. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { braked, limitProcess, loadPosix, loadWorkingPosix, wakeBraked, type Allowance } from '../../src/fs/index.js';
import { fromText, StatTable } from '../../src/tree/index.js';

interface Asked { limits: Allowance; threads: number; work: 'stat' | 'read' | 'wake' | 'none'; folder: string }

/** Reads four MiB, or looks at a file for a second. @returns bytes that were read */
function work({ work: what, folder }: Asked): number {
  const posix = loadWorkingPosix();
  const root = posix.openRoot(fromText(folder));
  const table = new StatTable(1);
  if (what === 'stat') {
    for (const end = Date.now() + 1000; Date.now() < end;) posix.stat(root, fromText('f'), table, 0);
    return 0;
  }
  const fd = posix.open(root, fromText('f'), { read: true });
  const buffer = Buffer.alloc(256 << 10);
  let bytes = 0;
  for (let k = 0; k < (what === 'wake' ? 1 : 16); k++) bytes += posix.read(fd, buffer, 0, buffer.length, (k % 4) * buffer.length);
  posix.close(fd);
  return bytes;
}

if (isMainThread) {
  const asked = JSON.parse(process.argv[2] ?? '') as Asked;
  if (asked.work === 'none') process.stdout.write(JSON.stringify({ woken: braked(loadPosix()) === loadPosix() }));
  else {
    limitProcess(asked.limits);
    const began = { at: performance.now(), cpu: process.cpuUsage() };
    const threads = Array.from({ length: asked.threads }, () => new Worker(new URL(import.meta.url), { workerData: asked }));
    let bytes = 0;
    for (const thread of threads) {
      thread.on('message', (message: number) => { bytes += message; });
    }
    // 256 KiB at 1 KiB a second would take minutes. It may not sleep yet at the first call.
    const waker = asked.work === 'wake' ? setInterval(wakeBraked, 20) : undefined;
    await Promise.all(threads.map((thread) => new Promise((resolve) => { thread.once('exit', resolve); })));
    clearInterval(waker);
    const { user, system } = process.cpuUsage(began.cpu);
    process.stdout.write(JSON.stringify({ ms: performance.now() - began.at, cpuMs: (user + system) / 1000, bytes, woken: bytes === 256 << 10 }));
  }
} else {
  const port = parentPort;
  const read = work(workerData as Asked);
  port?.postMessage(read, []);
}
