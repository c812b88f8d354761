/** The kernel's events taken apart, on recorded bytes, and on bytes that no kernel writes. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fan, In, KernelWatch, loadPosix, parseFanotify, parseInotify, parseMountInfo, POLLIN, type FanotifyEvent } from '../../src/fs/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { describeIf } from '../support/index.js';

/** What Linux 6.18 wrote: a created, closed, then renamed to b, and a name of the byte 0xff deleted. */
const INOTIFY = Buffer.from(
  '0100000000010000000000001000000061000000000000000000000000000000' +
  '0100000008000000000000001000000061000000000000000000000000000000' +
  '01000000400000008bb033001000000061000000000000000000000000000000' +
  '01000000800000008bb033001000000062000000000000000000000000000000' +
  '01000000000200000000000010000000ff000000000000000000000000000000' +
  'ffffffff004000000000000000000000', 'hex');

/** What Linux 6.18 wrote on ext4: mkdir dir and rmdir dir in one event, mv b dir/c, chmod dir, rm dir/c. */
const FANOTIFY = Buffer.from(
  '38000000030018000003004000000000ffffffff320700000200200068903f36d8211d38080000000100000055c320008cdf9eb764697200' +
  '58000000030018000000001000000000ffffffff320700000a00200068903f36d8211d38080000000100000055c320008cdf9eb7620000000c00200068903f36d8211d380800000001000000b1c3200023b6715363000000' +
  '38000000030018000400004000000000ffffffff320700000200200068903f36d8211d380800000001000000b1c3200023b671532e000000' +
  '38000000030018000002000000000000ffffffff320700000200200068903f36d8211d380800000001000000b1c3200023b6715363000000', 'hex');

/** The bytes in memory of their own, so that reading past their end cannot go unseen. */
const exact = (bytes: Uint8Array): Buffer => Buffer.from(new Uint8Array(bytes).buffer);

function inotify(bytes: Buffer, length = bytes.length): { ok: boolean; events: [number, number, number, string][] } {
  const events: [number, number, number, string][] = [];
  return { ok: parseInotify(bytes, length, (watch, mask, cookie, name) => events.push([watch, mask, cookie, name])), events };
}

function fanotify(bytes: Buffer, length = bytes.length): { ok: boolean; events: FanotifyEvent[] } {
  const events: FanotifyEvent[] = [];
  return { ok: parseFanotify(bytes, length, (event) => events.push(event)), events };
}

describe('events of inotify', () => {
  it('are taken apart', () => {
    assert.deepEqual(inotify(INOTIFY), {
      ok: true,
      events: [
        [1, In.CREATE, 0, 'a'], [1, In.CLOSE_WRITE, 0, 'a'], [1, In.MOVED_FROM, 3387531, 'a'], [1, In.MOVED_TO, 3387531, 'b'],
        [1, In.DELETE, 0, '\xff'], [-1, In.Q_OVERFLOW, 0, ''],
      ],
    });
  });

  it('that are cut anywhere are told as such, after the whole ones', () => {
    for (let cut = 1; cut < INOTIFY.length; cut++) {
      const got = inotify(exact(INOTIFY.subarray(0, cut)));
      const whole = Math.min(Math.floor(cut / 32), 5);
      assert.equal(got.ok, cut === whole * 32 && cut <= 160, `cut at ${cut}`);
      assert.equal(got.events.length, whole);
    }
  });

  it('with a length beyond the buffer or a path for a name are refused', () => {
    const long = exact(INOTIFY);
    long.writeUInt32LE(0xffffffff, 12);
    assert.deepEqual(inotify(long), { ok: false, events: [] });
    for (const name of ['..', 'a/b', '/', '.']) {
      const odd = exact(INOTIFY.subarray(0, 32));
      odd.write(name, 16, 'latin1');
      assert.deepEqual(inotify(odd), { ok: false, events: [] });
    }
  });

  it('never read past the end, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => { inotify(exact(bytes)); }));
    fc.assert(fc.property(fc.nat(INOTIFY.length - 1), fc.nat(255), (at, value) => {
      const bytes = exact(INOTIFY);
      bytes[at] = value;
      inotify(bytes);
    }));
  });
});

describe('events of fanotify', () => {
  it('are taken apart', () => {
    const { ok, events } = fanotify(FANOTIFY);
    assert.equal(ok, true);
    const names = events.map(({ mask, place, from, to }) => [mask, place?.name, from?.name, to?.name]);
    assert.deepEqual(names, [
      [Fan.CREATE | Fan.DELETE | Fan.ONDIR, 'dir', undefined, undefined], [Fan.RENAME, undefined, 'b', 'c'],
      [Fan.ATTRIB | Fan.ONDIR, '.', undefined, undefined], [Fan.DELETE, 'c', undefined, undefined],
    ]);
    assert.equal(events[1]?.from?.handle, events[0]?.place?.handle);
    assert.equal(events[1]?.to?.handle, events[2]?.place?.handle);
    assert.equal(events[0]?.place?.handle.length, 16);
    assert.equal(events[0]?.place?.fsid, Buffer.from('68903f36d8211d38', 'hex').toString('latin1'));
  });

  it('that are cut anywhere are told as such, after the whole ones', () => {
    const ends = [0, 56, 144, 200, 256];
    for (let cut = 1; cut < FANOTIFY.length; cut++) {
      const got = fanotify(exact(FANOTIFY.subarray(0, cut)));
      assert.equal(got.ok, ends.includes(cut), `cut at ${cut}`);
      assert.equal(got.events.length, ends.findLastIndex((end) => end <= cut));
    }
  });

  it('with lengths that do not fit, another version or a path for a name are refused', () => {
    const refused = (change: (bytes: Buffer) => void): void => {
      const bytes = exact(FANOTIFY.subarray(0, 56));
      change(bytes);
      assert.deepEqual(fanotify(bytes), { ok: false, events: [] });
    };
    refused((bytes) => bytes.writeUInt32LE(0, 0)); // would never end
    refused((bytes) => bytes.writeUInt32LE(0xffffffff, 0));
    refused((bytes) => bytes.writeUInt8(2, 4));
    refused((bytes) => bytes.writeUInt16LE(0, 6));
    refused((bytes) => bytes.writeUInt16LE(0, 26)); // an info record of no length
    refused((bytes) => bytes.writeUInt16LE(200, 26));
    refused((bytes) => bytes.writeUInt32LE(129, 36)); // a handle longer than there are any
    refused((bytes) => bytes.writeUInt32LE(0xffffffff, 36));
    for (const name of ['..\0', 'a/b']) refused((bytes) => bytes.write(name, 52, 'latin1'));
  });

  it('never read past the end, whatever the bytes', () => {
    fc.assert(fc.property(fc.nat(FANOTIFY.length - 1), fc.nat(255), (at, value) => {
      const bytes = exact(FANOTIFY);
      bytes[at] = value;
      fanotify(bytes);
    }));
  });
});

describe('the mount table', () => {
  it('is read with its escapes; lines that make no sense are left out', () => {
    const text = '22 1 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n31 22 7:1 /sub\\040dir /mnt/a\\040b\\134c rw - ext4 /dev/loop1 rw\nx y z\n\n40 1 0:9 / relative rw - tmpfs none rw\n';
    assert.deepEqual(parseMountInfo(text as ByteString), [
      { id: 22, device: '0:20', root: '/', point: '/sys', type: 'sysfs' },
      { id: 31, device: '7:1', root: '/sub dir', point: '/mnt/a b\\c', type: 'ext4' },
    ]);
  });
});

describeIf('the calls that wait', process.platform === 'linux' ? undefined : 'needs Linux', () => {
  it('end by their time, and by a wake from elsewhere', () => {
    const kernel = new KernelWatch();
    const posix = loadPosix();
    const wake = kernel.eventFd();
    const ready: number[] = [];
    try {
      assert.equal(kernel.poll([{ fd: wake, events: POLLIN }], 1, ready), 0);
      assert.deepEqual(ready, [0]);
      assert.equal(new KernelWatch().wake(wake), 8);
      assert.equal(kernel.poll([{ fd: wake, events: POLLIN }], -1, ready), 1);
      assert.deepEqual(ready, [POLLIN]);
      assert.equal(kernel.awake(wake), 8);
      assert.equal(kernel.poll([{ fd: wake, events: POLLIN }], 0, ready), 0);
    } finally {
      posix.close(wake);
    }
  });
});
