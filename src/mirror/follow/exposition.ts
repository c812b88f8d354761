/** The text format of Prometheus, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/. Pure. */

export type Labels = Readonly<Record<string, string>>;
export interface Sample { readonly labels?: Labels; readonly value: number }

/** One metric of all subjects of a kind. */
export interface Metric<S> {
  /** Behind the prefix. A counter's ends with _total. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** Of one subject: a number, samples with further labels, or nothing where there is none. */
  of(subject: S): number | null | readonly Sample[];
}

/** The metrics of subjects, each with labels that no other one has. A metric of which there is no sample is left out. */
export function exposition<S>(prefix: string, metrics: readonly Metric<S>[], subjects: readonly { labels: Labels; of: S }[]): string {
  let text = '';
  for (const { name, type, help, of } of metrics) {
    let lines = '';
    for (const subject of subjects) {
      const value = of(subject.of);
      if (value === null) continue;
      for (const sample of typeof value === 'number' ? [{ value }] : value) lines += line(prefix + name, { ...subject.labels, ...('labels' in sample ? sample.labels : {}) }, sample.value);
    }
    if (lines !== '') text += `# HELP ${prefix}${name} ${help}\n# TYPE ${prefix}${name} ${type}\n${lines}`;
  }
  return text;
}

function line(name: string, labels: Labels, value: number): string {
  const inside = Object.entries(labels).map(([label, text]) => `${label}="${text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`);
  return `${name}{${inside.join(',')}} ${value === Infinity ? '+Inf' : String(value)}\n`;
}
