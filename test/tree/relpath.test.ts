/** Paths below a root: which texts are one, and what is made of those that people and archives write. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cleanPath, fromText, isName, isRelPath, MAX_PATH_BYTES, type ByteString } from '../../src/tree/index.js';

describe('a path below a root', () => {
  const part = fc.oneof(fc.constantFrom('', '.', '..', '...', '.a', 'a.', 'a..', '..b', 'n\0ul', 'x'.repeat(255), 'x'.repeat(256)), fc.string({ maxLength: 4 }));
  const path = fc.array(part, { maxLength: 6 }).map((parts) => fromText(parts.join('/')));

  it('has parts that are names, and nothing else', () => {
    fc.assert(fc.property(path, (text) => {
      assert.equal(isRelPath(text), text === '' || text.split('/').every((each) => isName(each as ByteString)), JSON.stringify(text));
    }));
  });

  it('is what is left of a text without empty parts and dots, and stays as it is', () => {
    fc.assert(fc.property(path, (text) => {
      const parts = text.split('/').filter((each) => each !== '' && each !== '.') as ByteString[];
      const wanted = parts.every(isName) ? parts.join('/') : undefined;
      const clean = cleanPath(text);
      assert.equal(clean, wanted);
      if (clean !== undefined) assert.equal(cleanPath(clean), clean);
    }));
  });

  it('has a bounded length', () => {
    const long = (length: number): ByteString => fromText('a/'.repeat(length).slice(0, length - 1) + 'b');
    assert.deepEqual([isRelPath(long(MAX_PATH_BYTES)), isRelPath(long(MAX_PATH_BYTES + 1))], [true, false]);
  });
});
