/** A made-up tree with a folder of several blocks; its manifest is the golden one. */
import { fileEntry, linkEntry, type Made } from './support.js';

export const TREE: Made = {
  a: fileEntry(), 'b\xff\n"\\': fileEntry({ size: 0 }), dir: { inner: { leaf: fileEntry({ perms: 0o4755 }), link: linkEntry('leaf') }, other: fileEntry(), empty: {} }, 'dir-next': fileEntry(),
  many: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`n${String(i).padStart(3, '0')}`, i % 50 === 7 ? { below: fileEntry({ size: i }) } : fileEntry({ size: i })])),
};
