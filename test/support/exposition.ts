/** A strict reader of Prometheus' text format, version 0.0.4. */
import assert from 'node:assert/strict';

export interface Family { type: string; samples: { labels: Record<string, string>; value: number }[] }

/** Reads the exposition format 0.0.4 and refuses whatever is not exactly that. */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  assert.ok(text === '' || text.endsWith('\n'), 'the last line has an end');
  const lines = text.split('\n').slice(0, -1);
  let current: { name: string; family: Family } | undefined;
  for (let k = 0; k < lines.length; k++) {
    const line = lines[k] as string;
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\]|\\\\|\\n)+$/.exec(line);
    if (help !== null) {
      const [, name] = help as unknown as [string, string];
      const type = new RegExp(`^# TYPE ${name} (gauge|counter)$`).exec(lines[++k] ?? '');
      assert.ok(type !== null, `a type behind ${line}`);
      assert.ok(!families.has(name), `${name} twice`);
      const family = { type: type[1] as string, samples: [] };
      assert.equal(family.type === 'counter', name.endsWith('_total'), name);
      families.set(name, family);
      current = { name, family };
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\}))?)*)\} (\+Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$/.exec(line);
    assert.ok(sample !== null, `no line of the format: ${line}`);
    const [, name, inside, value] = sample as unknown as [string, string, string, string];
    assert.equal(name, current?.name, 'samples stand behind their type');
    const labels: Record<string, string> = {};
    for (const [, label, raw] of inside.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"/g)) {
      assert.ok(!Object.hasOwn(labels, label as string), `${label} twice in ${line}`);
      labels[label as string] = (raw as string).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    }
    assert.ok(current !== undefined);
    const { samples } = current.family;
    assert.ok(!samples.some((other) => JSON.stringify(other.labels) === JSON.stringify(labels)), `the same sample twice: ${line}`);
    samples.push({ labels, value: value === '+Inf' ? Infinity : Number(value) });
  }
  for (const [name, { samples }] of families) assert.ok(samples.length > 0, `${name} has no sample`);
  return families;
}
