/** Jobs as they are described: the configuration file and what it means. */
export type { JobOption, OptionCatalog, Refusal } from './catalog.js';
export { configSchema } from './fields.js';
export { LiveConfig, type Reload } from './live-config.js';
export { loadConfig, type ConfigSource, type FileRead } from './load.js';
export * from './model.js';
export { didYouMean, nearest } from './nearest.js';
export { ConfigError, placeText, type ConfigProblem, type Place } from './place.js';
export { spanText } from './values.js';
