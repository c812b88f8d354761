/** timeline: states of a migration as a picture: bars from left to right, each with its name as far as it has room. Colours are classes of the page's style. Pure. */
import { durationText, escapeHtml, timeText } from '../../job/index.js';
import type { MigrationState } from '../journal/events.js';
import type { Span } from './model.js';
import { STATE_WORDS } from './words.js';

const WIDTH = 720;
const HEIGHT = 54;
const BAR = 26;
/** Width of a letter at the size of the page's pictures. */
const LETTER = 6.2;

/** What a state is to those who use the services: on, off, or no concern of theirs. */
export function classOf(state: MigrationState): 'on' | 'off' | 'rest' | 'new' | 'back' {
  switch (state) {
    case 'freezing': case 'final': case 'verifying': case 'switching': return 'off';
    case 'switched': case 'finished': return 'new';
    case 'rolling-back': return 'back';
    case 'planned': case 'aborted': case 'rolled-back': return 'rest';
    case 'seeding': case 'live': case 'converging': return 'on';
  }
}

export function timeline(spans: readonly Span[], title: string): string {
  const since = spans[0]?.from ?? 0;
  const until = Math.max(since + 1, spans.at(-1)?.to ?? 1);
  const x = (at: number): number => (WIDTH * (at - since)) / (until - since);
  const bars = spans.map(({ state, from, to }) => {
    const left = x(from);
    const width = Math.max(1, x(to) - left);
    const name = STATE_WORDS[state];
    const label = width > name.length * LETTER + 6 ? `<text class="label" x="${n(left + 4)}" y="${BAR / 2 + 4}">${escapeHtml(name)}</text>` : '';
    return `<g><title>${escapeHtml(`${name}: ${timeText(from)}, ${durationText(to - from)}`)}</title><rect class="s-${classOf(state)}" x="${n(left)}" y="0" width="${n(width)}" height="${BAR}"/>${label}</g>`;
  });
  const marks = [[since, 'start', 0], [until, 'end', WIDTH]] as const;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${bars.join('')}${marks.map(([at, anchor, left]) => `<text class="${anchor}" x="${left}" y="${HEIGHT - 8}">${timeText(at)}</text>`).join('')}</svg>`;
}

function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}
