/** `migrate forecast NAME`, and what is said when a cutover begins. */
import { forecast, forecastText, readJournal, type Forecast, type ForecastSettings, type LocalHour, type MigrationDefinition, type MigrationEvent, type MigrationPorts, type Part } from '../../migrate/index.js';
import { lookAtConductor } from './control.js';
import type { FoundMigration } from './find.js';

/** Hours as the clock on the wall here has them. */
const here: LocalHour = (at) => {
  const date = new Date(at);
  return { hour: date.getHours(), weekday: date.getDay() };
};

function settingsOf({ freeze, final, verify, switch: to }: MigrationDefinition): ForecastSettings {
  const without: Part[] = [];
  if (freeze.hooks.length === 0) without.push('freeze');
  if (to.hooks.length === 0) without.push('switch');
  if (to.health === undefined) without.push('health');
  return { quietMs: freeze.quietMs, final, verify, without, local: here };
}

export function foretell(definition: MigrationDefinition): MigrationPorts['forecast'] {
  const settings = settingsOf(definition);
  return (events, backlog) => {
    const { ms, plusMinusMs, parts } = forecast(events, Date.now(), backlog, settings);
    return { ms, plusMinusMs, parts: parts.map((one) => ({ part: one.part, ms: one.ms })) };
  };
}

/** As it stands now: what waits is asked of the conductor, or was last told in the journal. */
export async function forecastNow({ folder, definition }: FoundMigration): Promise<{ forecast: Forecast; events: readonly MigrationEvent[] }> {
  const { events } = readJournal(folder);
  const live = await lookAtConductor(folder);
  const last = events.findLast((event) => event.event === 'lag');
  const now = live?.following ?? last;
  const backlog = { files: now?.backlogFiles ?? 0, bytes: now?.backlogBytes ?? 0 };
  return { forecast: forecast(events, Date.now(), backlog, settingsOf(definition)), events };
}

export async function tellForecast(found: FoundMigration, json: boolean): Promise<void> {
  const { forecast: said } = await forecastNow(found);
  process.stdout.write(json ? `${JSON.stringify({ type: 'migration-forecast', name: found.name, ...said })}\n` : forecastText(said, Intl.DateTimeFormat().resolvedOptions().timeZone));
}
