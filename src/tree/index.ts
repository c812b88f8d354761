/** What a tree is: names as bytes, paths below a root, attributes, problems. Pure; imports nothing. */
export * from './bytes.js';
export * from './relpath.js';
export * from './stat-table.js';
export * from './problem.js';
export * from './type-counts.js';
export { isCount, isObject, isText, parsedObject } from './plain-json.js';
export { parseSizeText, sizeText } from './size-text.js';
