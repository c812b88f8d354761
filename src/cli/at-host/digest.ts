/** `digest`: a tree of this host is digested for whoever asks (evidence/), and names of owners are answered meanwhile. */
import { serveDigest } from '../../evidence/index.js';
import { TwintreeError } from '../../tree/index.js';
import type { AtHostCommand } from '../commands/at-host.js';
import { EXIT } from '../exit-codes.js';

export const digestHere: AtHostCommand = async (_, ways) => {
  const { stream, ended } = await ways.open();
  const controller = new AbortController();
  void ended.finally(() => { controller.abort(new TwintreeError('ABORTED', 'the other end has gone')); });
  await serveDigest(stream, stream, controller.signal);
  stream.end();
  await ended;
  return EXIT.ok;
};
