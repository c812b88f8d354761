/** systemd is told by a datagram: taken here by a real socket. */
import assert from 'node:assert/strict';
import { sdNotify } from '../../src/fs/index.js';
import { startCommand, useTempFolder } from '../support/index.js';

/** Takes one datagram at the address that is its argument, and prints it. */
const TAKER = `
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("ready", flush=True)
print(repr(s.recv(4096)), flush=True)
`;

describe('telling systemd', () => {
  const temp = useTempFolder('sd-notify');

  for (const kind of ['a path', 'an abstract name']) {
    it(`reaches the socket of ${kind}`, async function () {
      if (process.platform !== 'linux') this.skip();
      const socket = kind === 'a path' ? temp.at('notify') : `@twintree-test-${process.pid}-${temp.at('').length}`;
      const taker = startCommand('python3', ['-c', TAKER, socket]);
      assert.ok(await taker.output(/ready/));
      assert.ok(sdNotify(socket, 'READY=1\nSTATUS=two jobs'));
      const { stdout } = await taker.finished;
      assert.equal(stdout, "ready\nb'READY=1\\nSTATUS=two jobs'\n");
    });
  }

  it('says that nobody took it', () => {
    for (const socket of [undefined, '', 'relative', temp.at('none'), `/${'x'.repeat(200)}`]) assert.equal(sdNotify(socket, 'READY=1'), false);
  });
});
