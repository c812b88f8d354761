/**
 * Finding: what a check has found, with what mends it. Findings are made by pure functions over facts; who asks for the facts is in ask/. Each
 * id stands in docs/doctor.md and does not change its meaning.
 */
import { displayName, type ByteString } from '../tree/index.js';

/**
 * `ok`: as it should be. `note`: worth knowing, nothing fails. `warning`: a part of what was asked for will not be done, or may fail.
 * `error`: it cannot be done.
 */
export type Severity = 'ok' | 'note' | 'warning' | 'error';

/** What is judged, in the order in which findings are told. */
export const GROUPS = ['host', 'rights', 'state', 'between', 'source', 'filters', 'target', 'capture'] as const;
export type Group = (typeof GROUPS)[number];

export interface Finding {
  /** `GROUP.name`. */
  readonly id: `${Group}.${string}`;
  readonly severity: Severity;
  /** One sentence for people. */
  readonly message: string;
  /** A command or an option that mends it. */
  readonly fix?: string;
  /** Paths that it is about, for people, where they are told one by one: the first 1000, in byte order. */
  readonly paths?: readonly string[];
  /** Of which target, where several are judged: as it was named. */
  readonly target?: string;
}

const SEVERITIES: readonly Severity[] = ['ok', 'note', 'warning', 'error'];

/** The worst of them; `ok` where there is none. */
export function worst(findings: readonly Finding[]): Severity {
  return SEVERITIES[Math.max(0, ...findings.map(({ severity }) => SEVERITIES.indexOf(severity)))] as Severity;
}

export function isWorse(severity: Severity, than: Severity): boolean {
  return SEVERITIES.indexOf(severity) > SEVERITIES.indexOf(than);
}

/** By group; within a group as they came. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const place = ({ id }: Finding): number => GROUPS.indexOf(id.slice(0, id.indexOf('.')) as Group);
  return findings.map((finding, k) => ({ finding, k })).toSorted((a, b) => place(a.finding) - place(b.finding) || a.k - b.k).map(({ finding }) => finding);
}

/** Makes a finding. */
export function found(id: Finding['id'], severity: Severity, message: string, fix?: string): Finding {
  return { id, severity, message, ...(fix === undefined ? {} : { fix }) };
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A few names and how many more there are. */
export function named(names: readonly ByteString[], total = names.length, most = 5): string {
  const shown = names.slice(0, most).map((name) => (name === '' ? './' : displayName(name)));
  return total > shown.length ? `${shown.join(', ')} and ${total - shown.length} more` : shown.join(', ');
}

/** A path as one word of a shell; what is no plain text is shown as people read it. */
export function word(path: ByteString | string): string {
  const text = displayName(path as ByteString);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
