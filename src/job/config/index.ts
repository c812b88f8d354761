/** Jobs as they are described: the configuration file and what it means. */
export type { JobOption, OptionCatalog, Refusal } from './catalog.js';
export { configSchema } from './fields.js';
export { LiveConfig, type Reload } from './live-config.js';
export { loadConfig, type ConfigSource, type FileRead } from './load.js';
export * from './model.js';
export { didYouMean, nearest } from './nearest.js';
export { ConfigError, placeText, type ConfigProblem, type Place } from './place.js';
export { spanText } from './values.js';
// What another description of a file is made of.
export { readDocument } from './document.js';
export { NAME } from './fields.js';
export { command as commandWords } from './notices.js';
export { filter, options as jobOptions } from './options.js';
export { inOrder } from './place.js';
export { boolean, choice, either, integer, list, made, plainText, Reading, record, text, type JsonSchema, type Placed, type Read, type Shape } from './shape.js';
export { duration } from './values.js';
