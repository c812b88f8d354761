/**
 * Telling systemd how a service stands (sd_notify(3)): a datagram to the socket that $NOTIFY_SOCKET names. Node.js has no such sockets; the C library's calls serve,
 * where the FFI package loads.
 */
import { createRequire } from 'node:module';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** sun_path. */
const LONGEST_PATH = 108;

interface Calls {
  socket(family: number, type: number, protocol: number): number;
  sendto(fd: number, data: Buffer, length: number, flags: number, address: Buffer, addressLength: number): number;
  close(fd: number): number;
}

let calls: Calls | undefined;

/**
 * Sends assignments such as `READY=1`, one a line. False: there is no such socket, or nobody took it, which a service cannot mend.
 * @param socket $NOTIFY_SOCKET: an absolute path, or `@` and an abstract name
 */
export function sdNotify(socket: string | undefined, text: string): boolean {
  if (socket === undefined || process.platform !== 'linux' || !/^[/@]/.test(socket)) return false;
  const name = Buffer.from(socket, 'utf8');
  if (name.length > LONGEST_PATH - 1) return false;
  if (name[0] === 0x40) name[0] = 0;
  const address = Buffer.alloc(2 + LONGEST_PATH);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  try {
    calls ??= bind();
  } catch {
    return false; // the package does not load here: portableReason tells why
  }
  const fd = calls.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return false;
  const data = Buffer.from(text, 'utf8');
  const sent = calls.sendto(fd, data, data.length, MSG_NOSIGNAL, address, 2 + name.length + (name[0] === 0 ? 0 : 1));
  calls.close(fd);
  return sent === data.length;
}

function bind(): Calls {
  const koffi = createRequire(import.meta.url)('koffi') as { load(path: null): { func(name: string, result: string, parameters: string[]): unknown } };
  const libc = koffi.load(null);
  return {
    socket: libc.func('socket', 'int', ['int', 'int', 'int']) as Calls['socket'],
    sendto: libc.func('sendto', 'int64_t', ['int', 'void *', 'size_t', 'int', 'void *', 'uint']) as Calls['sendto'],
    close: libc.func('close', 'int', ['int']) as Calls['close'],
  };
}
