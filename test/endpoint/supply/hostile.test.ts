/** What a session may not do: leave the mounts, reach past the selection, follow or remove without leave, flood. And the end at any time. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { SupplySetup } from '../../../src/endpoint/supply/index.js';
import type { ByteString } from '../../../src/tree/index.js';
import { RequestWriter, WireError, type Request, type SourceCall } from '../../../src/wire/index.js';
import { Dice, dir, fifo, makeTree, randomTree, symlink, useTempFolder } from '../../support/index.js';
import { content, handlesBelow, place, setupFor, TestSession } from './support.js';

const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const EACCES = 13;
const ENOTDIR = 20;
const EINVAL = 22;
const ELOOP = 40;

describe('a supplier and a hostile session', () => {
  const temp = useTempFolder('supply-hostile');
  let session: TestSession;

  function start(args: readonly string[] = ['-a'], sources: readonly string[] = [`${temp.at('s')}/`], over: Partial<SupplySetup> = {}): TestSession {
    session = new TestSession(setupFor(args, sources, over));
    return session;
  }
  beforeEach('make a tree with ways out', () => {
    makeTree(temp.at('s'), { f: 'inside', sub: dir({ g: 'deep' }), out: symlink('../outside'), file: symlink('../outside/secret'), self: symlink('sub') });
    makeTree(temp.at('outside'), { secret: 'secret', folder: dir({ more: 'secret' }) });
  });
  afterEach('end the session', async () => { await session.close(); });

  /** errno of the beginning of a file's content; 0 drains it. */
  async function opens(request: Extract<Request, { kind: 'content' }>): Promise<number> {
    session.send(1, request);
    const { errno } = await session.take(1, 'content-begin');
    if (errno === 0) while ((await session.next(1)).kind !== 'content-end');
    return errno;
  }
  async function asks(call: SourceCall): Promise<number> {
    return (await session.call(call)).result;
  }

  it('refuses mounts that there are not', async () => {
    start();
    assert.equal(await opens(content('f', { place: place('f', 1) })), EBADF);
    assert.equal((await session.folder('', 60_000)).first.openErrno, EBADF);
    assert.equal(await asks({ op: 'stat', place: place('f', 7), follow: false }), -EBADF);
    session.send(2, { kind: 'hash', place: place('f', 7), follow: false });
    assert.equal((await session.take(2, 'answer')).result, -EBADF);
  });

  it('goes through no symlink, on the way or at the end', async () => {
    start();
    assert.ok([ENOTDIR, ELOOP].includes(await opens(content('out/secret'))));
    assert.ok([ENOTDIR, ELOOP].includes(await opens(content('self/g'))));
    assert.equal(await opens(content('file')), ELOOP);
    assert.ok([ENOTDIR, ELOOP].includes((await session.folder('out')).first.openErrno));
    assert.ok([-ENOTDIR, -ELOOP].includes(await asks({ op: 'stat', place: place('out/secret'), follow: false })));
    assert.equal(await asks({ op: 'read', place: place('file'), most: 100 }), -ELOOP);
  });

  it('follows only where the options do', async () => {
    start();
    assert.equal(await opens(content('file', { follow: true })), EPERM);
    assert.equal(await asks({ op: 'stat', place: place('file'), follow: true }), -EPERM);
    session.send(2, { kind: 'hash', place: place('file'), follow: true });
    assert.equal((await session.take(2, 'answer')).result, -EPERM);
    await session.close();
    start(['-aL']);
    assert.equal(await opens(content('file', { follow: true })), 0);
    assert.equal(await asks({ op: 'stat', place: place('file'), follow: true }), 0);
    assert.equal(await opens(content('out/secret')), 0);
  });

  it('with -k follows to folders, but hands out no content of files behind links', async () => {
    start(['-ak']);
    assert.equal(await opens(content('file', { follow: true })), EPERM);
  });

  it('removes only where the session was opened for that', async () => {
    start();
    assert.equal(await asks({ op: 'unlink', place: place('f') }), -EPERM);
    await session.close();
    start(['-a', '--remove-source-files']);
    assert.equal(await asks({ op: 'unlink', place: place('f') }), 0);
    assert.equal(fs.existsSync(temp.at('s', 'f')), false);
    assert.equal(await asks({ op: 'unlink', place: place('f') }), -ENOENT);
    assert.equal(await asks({ op: 'unlink', place: place('sub/') }), -EPERM);
    assert.ok((await asks({ op: 'unlink', place: place('sub') })) < 0);
  });

  it('hands out nothing beside what was named', async () => {
    makeTree(temp.at('wide'), { wanted: dir({ f: 'yes' }), named: 'yes', secret: 'no', other: dir({ g: 'no' }), way: dir({ end: dir({ h: 'yes' }), beside: 'no' }) });
    start(['-aR'], [`${temp.at('wide')}/./wanted`, `${temp.at('wide')}/./named`, `${temp.at('wide')}/./way/end`]);
    assert.equal(await opens(content('wanted/f')), 0);
    assert.equal(await opens(content('named')), 0);
    assert.equal(await opens(content('way/end/h')), 0);
    for (const path of ['secret', 'other/g', 'way/beside']) {
      assert.equal(await opens(content(path)), EACCES, path);
      assert.equal(await asks({ op: 'stat', place: place(path), follow: false }), -EACCES, path);
      assert.equal(await asks({ op: 'readlink', place: place(path) }), -EACCES, path);
      assert.equal(await asks({ op: 'xattrs', place: place(path) }), -EACCES, path);
      assert.equal(await asks({ op: 'read', place: place(path), most: 10 }), -EACCES, path);
    }
    assert.equal((await session.folder('other')).first.openErrno, EACCES);
    assert.deepEqual((await session.folder('')).names, ['named', 'wanted', 'way']);
    assert.deepEqual((await session.folder('way')).names, ['end']);
    assert.deepEqual((await session.folder('way/end')).names, ['h']);
    assert.deepEqual(await opens(content('way/end/none')), ENOENT);
  });

  it('opens no device and waits for no pipe', async () => {
    makeTree(temp.at('s', 'special'), { pipe: fifo() });
    start();
    assert.equal(await opens(content('special/pipe')), 6);
    assert.equal(await opens(content('sub')), 6);
    assert.equal(await asks({ op: 'read', place: place('special/pipe'), most: 10 }), -EINVAL);
    assert.equal(await asks({ op: 'seek-end', place: place('special/pipe') }), -EPERM);
    session.send(2, { kind: 'hash', place: place('special/pipe'), follow: false });
    assert.equal((await session.take(2, 'answer')).result, -EINVAL);
  });

  it('answers a list of more ids than a session has any use for with an errno', async () => {
    start();
    assert.equal(await asks({ op: 'names', uids: Array.from({ length: 1025 }, (_, i) => i), gids: [] }), -EINVAL);
    const answer = await session.call({ op: 'names', uids: [0, 3_999_999_999], gids: [0] });
    assert.deepEqual(answer.users, [{ id: 0, name: 'root' }, { id: 3_999_999_999, name: undefined }]);
  });

  it('gives up on requests that are none, and on sums that nobody asked for', async () => {
    start().supplier.receive(1, 0, Buffer.from([99, 1, 2, 3]));
    assert.ok((await session.failed()) instanceof WireError);
    await session.close();
    start().send(1, { kind: 'refine', sums: { basisSize: 0, blockLength: 512, stretches: [], round: Buffer.alloc(1) } });
    assert.ok((await session.failed()) instanceof WireError);
  });

  it('gives up on more channels, and on more requests, than a session has', async () => {
    start();
    for (let channel = 1; channel < 1000; channel++) session.send(channel, { kind: 'call', call: { op: 'names', uids: [], gids: [] } });
    assert.equal(((await session.failed()) as WireError).code, 'limit');
    await session.close();
    start();
    session.grants = false;
    const writer = new RequestWriter();
    for (let i = 0; i < 20_000; i++) writer.write({ kind: 'content', place: { mount: 0, folder: '' as ByteString, name: `${'x'.repeat(240)}${i}` as ByteString }, follow: false, noAtime: false, from: 0, sums: undefined });
    const payload = writer.take();
    for (let i = 0; i < 40; i++) session.supplier.receive(1, 0, payload);
    assert.equal(((await session.failed()) as WireError).code, 'limit');
  });

  it('leaves no handle open, whenever it is closed', async () => {
    makeTree(temp.at('big'), randomTree(5, { entries: 200, specials: false, symlinks: false }));
    fs.writeFileSync(temp.at('big', 'large'), Buffer.alloc(9 << 20, 'content'));
    const root = fs.realpathSync(temp.at('big'));
    const links = (fd: string): string => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ''; // the handle that listed them
      }
    };
    const dice = new Dice(11);
    for (let run = 0; run < 6; run++) {
      start(['-aX'], [`${temp.at('big')}/`]);
      session.grants = dice.chance(0.5);
      session.send(1, { kind: 'walk', after: undefined });
      session.send(2, content('large'), content('large'));
      session.send(3, { kind: 'folder', mount: 0, path: '' as ByteString }, { kind: 'hash', place: place('large'), follow: false });
      const items = run === 0 ? 0 : dice.below(session.grants ? 20 : 5); // without credit no more comes than fits into the window
      for (let i = 0; i < items; i++) await session.next(1 + dice.below(2));
      await session.supplier.close();
      assert.deepEqual(handlesBelow(root, links), [root], `only the mount itself (run ${run})`);
      await session.close();
    }
    start(['-aX'], [`${temp.at('big')}/`]);
  });
});
