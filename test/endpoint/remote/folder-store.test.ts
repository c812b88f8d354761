/** Folders of the source are held as long as the walk may come back to them. */
import assert from 'node:assert/strict';
import { FolderStore, StoredFolder } from '../../../src/endpoint/remote/folder-store.js';
import { EMPTY, type RelPath } from '../../../src/tree/index.js';
import { name } from './support.js';

function folder(path: string): StoredFolder {
  return new StoredFolder({
    kind: 'folder', mount: 0, path: name(path) as RelPath, more: false, openErrno: 0, listErrno: 0, self: undefined, names: [], stats: Buffer.alloc(0), errors: undefined,
    links: new Map(), followed: undefined, xattrs: undefined, hashes: undefined, ruleFiles: new Map(), users: [], groups: [],
  }, true);
}

describe('folders of the source that are held', () => {
  const held = (store: FolderStore, path: string): boolean => store.get(0, name(path) as RelPath) !== undefined;

  it('are few, and the longest unused go first, but not those on the way to where the walk is', () => {
    const store = new FolderStore();
    for (const path of [EMPTY, 'before', 'a', 'a/b']) store.put(folder(path));
    for (let k = 0; k < 2000; k++) store.put(folder(`a/b/${k}`));
    assert.ok(store.size < 1000);
    assert.deepEqual(['before', 'a/b/0', 'a/b', 'a', '', 'a/b/1999'].map((path) => held(store, path)), [false, false, true, true, true, true]);
    for (let k = 0; k < 2000; k++) store.put(folder(`c/${k}`));
    assert.deepEqual(['a/b', 'a', ''].map((path) => held(store, path)), [false, false, true]);
  });
});
