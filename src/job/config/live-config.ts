/** LiveConfig: the configuration that is in force, and the next one that takes its place as a whole or not at all. */
import type { Config, JobConfig } from './model.js';
import { ConfigError, type ConfigProblem } from './place.js';

/** What a reload came to. */
export type Reload =
  | { readonly ok: true; readonly config: Config; /** Names of jobs. */ readonly added: readonly string[]; readonly removed: readonly string[]; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export class LiveConfig {
  private config: Config;

  /** @param load reads the files anew. @throws ConfigError where the first one is wrong. */
  constructor(private readonly load: () => Config) {
    this.config = load();
  }

  /** The last one that was right. */
  get current(): Config {
    return this.config;
  }

  /** Reads the files again. Where anything is wrong, all stays as it was. @throws what `load` throws besides a ConfigError; made, too. */
  reload(): Reload {
    const before = this.config;
    let config: Config;
    try {
      config = this.load();
    } catch (error) {
      if (error instanceof ConfigError) return { ok: false, problems: error.problems };
      throw error;
    }
    this.config = config;
    const names = [...config.jobs.keys()];
    return {
      ok: true, config, added: names.filter((name) => !before.jobs.has(name)), removed: [...before.jobs.keys()].filter((name) => !config.jobs.has(name)),
      changed: names.filter((name) => before.jobs.has(name) && meaning(before.jobs.get(name)) !== meaning(config.jobs.get(name))),
    };
  }
}

/** What a job says, wherever it stands. */
function meaning(job: JobConfig | undefined): string {
  return JSON.stringify(job, (key, value: unknown) => (key === 'place' ? undefined : value));
}
