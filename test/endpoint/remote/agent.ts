/**
 * The other host of the tests, run as a child process: a real Supplier behind a real link over stdin and stdout.
 * argv: JSON { args, sources, frames }; with `frames` the process dies after so many frames of items.
 */
import { Link } from '../../../src/endpoint/remote/index.js';
import { Supplier } from '../../../src/endpoint/supply/index.js';
import { FrameType, parseCredit } from '../../../src/wire/index.js';
import { setupFor } from '../supply/support.js';

const { args, sources, frames } = JSON.parse(process.argv[2] ?? '') as { args: string[]; sources: string[]; frames?: number };
const link = await Link.open({ kind: 'stdio' }, { role: 'agent', connectTimeoutMs: 0 });
let left = frames ?? Infinity;
const supplier = new Supplier(setupFor(args, sources), (channel, flags, payload) => {
  if (left-- <= 0) process.kill(process.pid, 'SIGKILL');
  link.sendFrame(FrameType.Items, channel, flags, payload);
});
supplier.onFailed = (error) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(3);
};
link.onFrame = (frame) => {
  if (frame.type === FrameType.Requests) supplier.receive(frame.channel, frame.flags, frame.payload);
  else supplier.credit(frame.channel, parseCredit(frame.payload));
};
link.onTaken = (bytes) => { supplier.taken(bytes); };
link.onLost = () => {
  void supplier.close().then(() => process.exit(0));
};
