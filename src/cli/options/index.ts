/** Options of the command line: the table, the parser, and what it makes. */
export * from './connection.js';
export type { BatchUse } from './batch.js';
export type { HostSpec } from './operands.js';
export type { Direction } from './finish.js';
export * from './output.js';
export * from './spec.js';
export * from './parse.js';
export { ratesOf } from './rates.js';
export { TABLE, findLong, findShort, optionsOf } from './table/index.js';
export { levelsHelp, INFO_NAMES, DEBUG_NAMES } from './levels.js';
