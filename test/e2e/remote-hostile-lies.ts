/**
 * What a hostile end says once a session stands: as a supplier to a session, and as a session to a supplier. The same lies are told over a push and a
 * pull, to a serving side and to a client.
 */
import assert from 'node:assert/strict';
import type { ByteString, RelPath } from '../../src/tree/index.js';
import { encodeCredit, FrameType, ItemReader, type Item, type Request } from '../../src/wire/index.js';
import { folder, record, type HostileEnd, type Supplied } from './remote-hostile-end.js';

const FILE = 0o100644;
const LINK = 0o120777;
const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const bytesOf = (value: string): ByteString => value as ByteString;

/** A supplier's lie and how the session ends: `code` 12 where the protocol is broken, 23 where it is one path's failure, 0 where it is passed over. */
export interface SupplierLie { name: string; what: Supplied; code: 0 | 12 | 23; says: RegExp; before?(end: HostileEnd): void }

/** The same bytes with other ones in their place. */
const instead = (from: string, to: string) => (payload: Buffer): Buffer => {
  const found = payload.indexOf(text(from));
  assert.ok(found >= 0 && from.length === to.length, 'the lie has its place');
  return Buffer.concat([payload.subarray(0, found), text(to), payload.subarray(found + from.length)]);
};
const named = (real: string, said: string): Supplied => ({ walk: [folder([[real, FILE, 4]])], change: instead(real, said) });
/** A file `f` of 700,000 bytes, whose content is answered with these items. */
const content = (...items: Item[]): Supplied => ({
  walk: [folder([['f', FILE, 700_000]])],
  content: (end, channel) => { end.items(channel, [{ kind: 'content-begin', errno: 0, stat: record(FILE, 700_000, 2) }, ...items]); },
});
/** The same, but for its items the bytes themselves: kind, length of the body, body. */
const rawContent = (...bytes: number[]): Supplied => ({
  walk: [folder([['f', FILE, 700_000]])],
  content: (end, channel) => { end.items(channel, [{ kind: 'content-begin', errno: 0, stat: record(FILE, 700_000, 2) }], (payload) => Buffer.concat([payload, Buffer.from(bytes)])); },
});
const END: Item = { kind: 'content-end', errno: 0, stat: record(FILE, 700_000, 2), size: 700_000, hash: Buffer.alloc(16, 1) };
const literals = (bytes: number): Item[] => Array.from({ length: Math.ceil(bytes / 262_144) }, (_, k): Item => ({ kind: 'literal', bytes: Buffer.alloc(Math.min(262_144, bytes - k * 262_144), 7) }));

export const SUPPLIER_LIES: readonly SupplierLie[] = [
  { name: 'a name that climbs', what: named('xx_evil', '../evil'), code: 12, says: /WIRE/ },
  { name: 'an absolute name', what: named('xx_evil', '/x_evil'), code: 12, says: /WIRE/ },
  { name: 'the name ..', what: named('qq', '..'), code: 12, says: /WIRE/ },
  { name: 'the name .', what: named('q', '.'), code: 12, says: /WIRE/ },
  { name: 'an empty name', what: named('\x01q', '\x00q'), code: 12, says: /WIRE/ },
  { name: 'a name with a NUL', what: named('xx_evil', 'xx\0evil'), code: 12, says: /WIRE/ },
  { name: 'a name of 260 bytes', what: { walk: [folder([['n'.repeat(260), FILE, 4]])] }, code: 12, says: /WIRE/ },
  { name: 'names out of order', what: { walk: [folder([['b', FILE, 4], ['c', FILE, 4]])], change: instead('c', 'a') }, code: 12, says: /WIRE/ },
  { name: 'names that begin again in a second part', what: { walk: [folder([['b', FILE, 4]], { more: true }), folder([['a', FILE, 4]], { self: undefined })] }, code: 12, says: /WIRE/ },
  { name: 'a folder that climbs', what: { walk: [folder([['d', 0o040755, 0]]), folder([['evil', FILE, 4]], { path: 'xx/up' as RelPath })], change: instead('xx/up', '../up') }, code: 12, says: /WIRE/ },
  { name: 'a folder that nobody listed', what: { walk: [folder([]), folder([['evil', FILE, 4]], { path: 'not/there' as RelPath })] }, code: 0, says: /^/ },
  { name: 'a folder below a symlink that leads out', what: { walk: [folder([['l', LINK, 10]], { links: new Map([[0, bytesOf('../outside')]]) }), folder([['evil', FILE, 4]], { path: 'l' as RelPath })] }, code: 0, says: /^/ },
  { name: 'a mount that is not there', what: { walk: [folder([], { mount: 7 })] }, code: 23, says: /./ },
  { name: 'an index past the last name', what: { walk: [folder([['l', LINK, 1]], { links: new Map([[5, bytesOf('x')]]) })] }, code: 12, says: /WIRE/ },
  { name: 'more names than a frame has bytes', what: { change: () => Buffer.from([1, 12, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0]) }, code: 12, says: /WIRE/ },
  { name: 'a message longer than its frame', what: { change: () => Buffer.from([1, 0xff, 0xff, 0xff, 0x7f, 0]) }, code: 12, says: /WIRE/ },
  { name: 'an answer within the walk', what: { walk: [{ kind: 'answer', result: 0 }] }, code: 12, says: /WIRE/ },
  { name: 'a literal within the walk', what: { walk: literals(10) }, code: 12, says: /WIRE/ },
  { name: 'items on a channel that was never opened', what: {}, before: (end) => { end.items(999, [{ kind: 'walk-end' }]); }, code: 12, says: /WIRE/ },
  { name: 'requests, where it has to answer', what: { answer: (end, channel) => { end.requests(channel, { kind: 'walk', after: undefined }); return true; } }, code: 12, says: /WIRE/ },
  { name: 'a compressed frame that says it grows to 4 GiB', what: { answer: (end, channel) => { end.send(FrameType.Items, channel, Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]), 1); return true; } }, code: 12, says: /WIRE/ },
  { name: 'a compressed frame that is none', what: { answer: (end, channel) => { end.send(FrameType.Items, channel, Buffer.from([0, 1, 0, 0, 1, 2, 3]), 1); return true; } }, code: 12, says: /WIRE/ },
  { name: 'content without attributes', what: { walk: [folder([['f', FILE, 4]])], content: (end, channel) => { end.items(channel, [{ kind: 'content-begin', errno: 0, stat: undefined }, END]); } }, code: 12, says: /WIRE/ },
  { name: 'content that goes on before it begins', what: { walk: [folder([['f', FILE, 4]])], content: (end, channel) => { end.items(channel, literals(10)); } }, code: 12, says: /WIRE/ },
  { name: 'content that is a device', what: { walk: [folder([['f', FILE, 4]])], content: (end, channel) => { end.items(channel, [{ kind: 'content-begin', errno: 0, stat: record(0o020666, 0) }, END]); } }, code: 23, says: /./ },
  { name: 'a hash that is never right', what: content(...literals(700_000), END), code: 23, says: /another hash/ },
  { name: 'less than it says', what: content(...literals(600_000), END), code: 23, says: /another hash/ },
  { name: 'a copy where there is nothing to copy from', what: content({ kind: 'copy', offset: 2 ** 40, length: 700_000 }, END), code: 23, says: /another hash/ },
  { name: 'a hole of nothing', what: rawContent(7, 1, 0), code: 12, says: /WIRE/ },
  { name: 'a copy of nothing', what: rawContent(6, 2, 0, 0), code: 12, says: /WIRE/ },
  { name: 'a literal of nothing', what: rawContent(5, 0), code: 12, says: /WIRE/ },
  { name: 'a size beyond all files', what: rawContent(7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), code: 12, says: /WIRE/ },
  { name: 'sums asked for with blocks of nothing', what: rawContent(8, 2, 0, 0), code: 12, says: /WIRE/ },
  { name: 'more stretches than there are bytes', what: rawContent(8, 5, 64, 0xff, 0xff, 0xff, 0x7f), code: 12, says: /WIRE/ },
  {
    name: 'sums asked for again and again', code: 12, says: /WIRE/,
    what: {
      walk: [folder([['old', FILE, 700_001]])],
      content: (end, channel, request) => {
        const ask: Item = { kind: 'refine', aligned: false, blockLength: 4096, stretches: [{ start: 0, length: 100_000 }] };
        end.items(channel, request === 'refine' ? [ask] : [{ kind: 'content-begin', errno: 0, stat: record(FILE, 700_001, 2) }, ask]);
      },
    },
  },
  { name: 'a message of its own while the session runs', what: { answer: (end) => { end.control({ type: 'notice', code: 'x', message: 'y' }); return false; } }, code: 12, says: /WIRE/ },
  { name: 'a second description of its sources', what: { answer: (end) => { end.control({ type: 'opened', mounts: [], problems: [], missing: 0, skipped: [] }); return false; } }, code: 12, says: /WIRE/ },
];

/** A session's lie, as what it sends. `answers`: the errno that comes back for the path; without it the connection ends with an error of the protocol. */
export interface SessionLie { name: string; send(end: HostileEnd): void; answers?: readonly number[] }

const ask = (...requests: Request[]) => (end: HostileEnd): void => { end.requests(1, ...requests); };
const raw = (...bytes: number[]) => (end: HostileEnd): void => { end.send(FrameType.Requests, 1, Buffer.from(bytes)); };
const place = (mount: number, at: string, name: string) => ({ mount, folder: at as RelPath, name: bytesOf(name) });
const want = (at: string, name: string, mount = 0): Request => ({ kind: 'content', place: place(mount, at, name), follow: false, noAtime: false, from: 0, sums: undefined });
const sums = (over: { basisSize?: number; blockLength?: number; stretches?: { start: number; length: number }[]; round?: Buffer }): Request => ({
  kind: 'content', place: place(0, '', 'f'), follow: false, noAtime: false, from: 0, sums: { basisSize: 1000, blockLength: 512, stretches: [{ start: 0, length: 1000 }], round: Buffer.alloc(1), ...over },
});

const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const ENOTDIR = 20;
const EINVAL = 22;
const ELOOP = 40;

export const SESSION_LIES: readonly SessionLie[] = [
  { name: 'a path that climbs', send: ask(want('../outside', 'secret')) },
  { name: 'a path that climbs later', send: ask(want('d/../../outside', 'secret')) },
  { name: 'an absolute path', send: ask(want('/etc', 'passwd')) },
  { name: 'a name with a slash', send: ask(want('', '../outside/secret')) },
  { name: 'the name ..', send: ask(want('', '..')) },
  { name: 'a name with a NUL', send: ask(want('', 'f\0')) },
  { name: 'a name of 256 bytes', send: ask(want('', 'n'.repeat(256))) },
  { name: 'a path of 70,000 bytes', send: ask(want('n/'.repeat(35_000).slice(0, -1), 'f')) },
  { name: 'a mount that is not there', send: ask(want('', 'f', 7)), answers: [EBADF] },
  { name: 'a mount beyond all mounts', send: ask(want('', 'f', 70_000)) },
  { name: 'a folder behind a symlink', send: ask(want('out', 'secret')), answers: [ENOTDIR, ELOOP] },
  { name: 'a symlink followed without leave', send: ask({ kind: 'content', place: place(0, '', 'link'), follow: true, noAtime: false, from: 0, sums: undefined }), answers: [EPERM] },
  { name: 'a symlink as a file', send: ask(want('', 'link')), answers: [ELOOP] },
  { name: 'a file that is not there', send: ask(want('', 'none')), answers: [ENOENT] },
  { name: 'removal without leave', send: ask({ kind: 'call', call: { op: 'unlink', place: place(0, '', 'f') } }), answers: [EPERM] },
  { name: 'blocks of nothing', send: ask(sums({ blockLength: 0 })) },
  { name: 'blocks of a byte', send: ask(sums({ blockLength: 1 })) },
  { name: 'blocks of 2 GiB', send: ask(sums({ blockLength: 2 ** 31 })) },
  { name: 'more blocks than can be', send: ask(sums({ basisSize: 2 ** 40, blockLength: 64, stretches: [{ start: 0, length: 2 ** 40 }] })) },
  { name: 'a basis beyond all files', send: ask(sums({ basisSize: 2 ** 50 })) },
  { name: 'stretches outside the basis', send: ask(sums({ stretches: [{ start: 0, length: 2000 }] })) },
  { name: 'sums that are none', send: ask(sums({ round: Buffer.alloc(40, 0xff) })), answers: [EINVAL] },
  { name: 'sums that nobody asked for', send: ask({ kind: 'refine', sums: { basisSize: 0, blockLength: 512, stretches: [], round: Buffer.alloc(1) } }) },
  { name: 'a request of no known kind', send: raw(99, 0) },
  { name: 'a call of no known kind', send: raw(3, 1, 99) },
  { name: 'a request longer than its frame', send: raw(2, 0xff, 0xff, 0xff, 0x7f, 0, 0) },
  { name: 'a request that ends early', send: raw(4, 2, 0, 0) },
  { name: 'a number in more bytes than it needs', send: raw(2, 5, 0x80, 0x00, 0, 0, 0) },
  { name: 'more owners than a frame has bytes', send: raw(3, 6, 6, 0xff, 0xff, 0xff, 0x7f, 0) },
  { name: 'a small file of 2 GiB', send: raw(3, 10, 4, 0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0, 0) },
  { name: 'a compressed frame that says it grows to 4 GiB', send: (end) => { end.send(FrameType.Requests, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]), 1); } },
  { name: 'more channels than a session has', send: (end) => { for (let channel = 1; channel < 300; channel++) end.requests(channel, { kind: 'call', call: { op: 'names', uids: [], gids: [] } }); } },
  { name: 'credit of nothing', send: (end) => { end.send(FrameType.Credit, 1, Buffer.alloc(4)); } },
  { name: 'credit for more channels than a session has', send: (end) => { for (let channel = 1; channel < 300; channel++) end.send(FrameType.Credit, channel, encodeCredit(1)); } },
  { name: 'items, where it has to ask', send: (end) => { end.items(1, [{ kind: 'walk-end' }]); } },
];

/** The errno with which the next answer on a connection begins. */
export async function answeredWith(end: HostileEnd): Promise<number> {
  const frame = await end.next(FrameType.Items);
  assert.ok(frame !== undefined, 'it answers');
  const item = new ItemReader(frame.payload).next();
  if (item.kind === 'content-begin') return item.errno;
  assert.ok(item.kind === 'answer', `a ${item.kind} came`);
  return item.result === 0 ? 0 : -item.result;
}
