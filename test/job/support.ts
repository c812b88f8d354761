/** Configurations in memory, read with the command line's own options. */
import { optionCatalog } from '../../src/cli/jobs/catalog.js';
import { ConfigError, loadConfig, placeText, type Config, type ConfigSource, type JobConfig } from '../../src/job/index.js';
import { context } from '../cli/support.js';

export const MAIN = '/etc/twintree/twintree.yaml';

/** Files below /etc/twintree; the main one is `twintree.yaml`. */
export function sourceOf(files: Readonly<Record<string, string>>): ConfigSource {
  const at = new Map(Object.entries(files).map(([name, text]) => [`/etc/twintree/${name}`, text]));
  return {
    readFile: (path) => {
      const text = at.get(path);
      return text === undefined ? { error: 'there is no such file' } : { text };
    },
    list: (folder) => {
      const names = [...at.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
      return names.length === 0 ? undefined : names;
    },
    catalog: optionCatalog(context({ '/etc/twintree/rules': '- *.o\n' })),
    zone: 'Europe/Berlin',
  };
}

export function load(text: string, more: Readonly<Record<string, string>> = {}): Config {
  return loadConfig(MAIN, sourceOf({ 'twintree.yaml': text, ...more }));
}

export function job(config: Config, name: string): JobConfig {
  const found = config.jobs.get(name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
}

/** What is wrong, as `LINE:COLUMN: message`, without the advice; of other files than the main one with their names. */
export function mistakes(text: string, more: Readonly<Record<string, string>> = {}): string[] {
  return problems(text, more).map(({ place, message }) => `${placeText(place).replace(`${MAIN}:`, '')}: ${message}`);
}

export function problems(text: string, more: Readonly<Record<string, string>> = {}): ConfigError['problems'] {
  try {
    load(text, more);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
