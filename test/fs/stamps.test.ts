/** How finely the kernel stamps files: what is said of a kernel and a file system, and that it is so here. */
import assert from 'node:assert/strict';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { loadPosix, stampsFinely } from '../../src/fs/index.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('stamps of files', () => {
  const temp = useTempFolder('stamps');
  const on = (type: number | undefined): Parameters<typeof stampsFinely>[0] => ({ statfs: () => (type === undefined ? -5 : { ...(loadPosixInfo()), type }) });
  function loadPosixInfo(): Exclude<ReturnType<ReturnType<typeof loadPosix>['statfs']>, number> {
    const posix = loadPosix();
    const fd = posix.openRoot(fromText(temp.path));
    const info = posix.statfs(fd);
    posix.close(fd);
    assert.ok(typeof info !== 'number');
    return info;
  }

  it('are fine where kernel and file system make them so, and are taken for coarse in doubt', () => {
    const EXT = 0xef53;
    const NFS = 0x6969;
    for (const [kernel, type, fine] of [['6.13.0', EXT, true], ['6.18.4-amd64', EXT, true], ['7.0', EXT, true], ['6.12.99', EXT, false], ['5.15.0', EXT, false], ['', EXT, false], ['6.13.0', NFS, false], ['6.13.0', undefined, false]] as const) {
      assert.equal(stampsFinely(on(type), 3, kernel), fine, `${kernel} ${type}`);
    }
  });

  it('are so here, where that is said: each write behind a stat has another time', function () {
    const posix = loadPosix();
    const root = posix.openRoot(fromText(temp.path));
    const fine = stampsFinely(posix, root);
    posix.close(root);
    if (!fine) return this.skip();
    const fd = openSync(temp.at('f'), 'w');
    const seen = new Set<bigint>();
    for (let n = 0; n < 2000; n++) {
      writeSync(fd, 'x', 0);
      seen.add(statSync(temp.at('f'), { bigint: true }).mtimeNs);
    }
    closeSync(fd);
    assert.equal(seen.size, 2000);
  });
});
