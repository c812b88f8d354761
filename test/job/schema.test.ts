/** docs/job-schema.json is made from the description that reads a configuration, and takes and refuses what that does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { jobSchemaText } from '../../src/cli/jobs/schema.js';
import { REPOSITORY } from '../support/index.js';

type Schema = Record<string, unknown>;
const root = JSON.parse(jobSchemaText()) as Schema & { $defs: Record<string, Schema> };

/** The words of JSON Schema that ours uses; any other makes the test fail. */
function fits(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([word, rule]) => {
    const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
    switch (word) {
      case '$schema': case 'title': case 'description': case 'examples': case 'format': case '$defs': return true;
      case '$ref': return fits(root.$defs[(rule as string).replace('#/$defs/', '')] as Schema, value);
      case 'type': return [rule].flat().some((type) => type === (Array.isArray(value) ? 'array' : object !== undefined ? 'object' : value === null ? 'null' : typeof value) || (type === 'integer' && Number.isInteger(value)));
      case 'enum': return (rule as unknown[]).includes(value);
      case 'const': return rule === value;
      case 'pattern': return typeof value !== 'string' || new RegExp(rule as string, 'u').test(value);
      case 'minLength': return typeof value !== 'string' || value.length >= (rule as number);
      case 'minimum': return typeof value !== 'number' || value >= (rule as number);
      case 'maximum': return typeof value !== 'number' || value <= (rule as number);
      case 'anyOf': return (rule as Schema[]).some((each) => fits(each, value));
      case 'oneOf': return (rule as Schema[]).filter((each) => fits(each, value)).length === 1;
      case 'items': return !Array.isArray(value) || value.every((each) => fits(rule as Schema, each));
      case 'minItems': return !Array.isArray(value) || value.length >= (rule as number);
      case 'minProperties': return object === undefined || Object.keys(object).length >= (rule as number);
      case 'maxProperties': return object === undefined || Object.keys(object).length <= (rule as number);
      case 'required': return object === undefined || (rule as string[]).every((key) => key in object);
      case 'properties': return object === undefined || Object.entries(object).every(([key, each]) => !(key in (rule as Schema)) || fits((rule as Record<string, Schema>)[key] as Schema, each));
      case 'patternProperties': return object === undefined || Object.entries(object).every(([key, each]) => Object.entries(rule as Record<string, Schema>).every(([pattern, of]) => !new RegExp(pattern, 'u').test(key) || fits(of, each)));
      case 'additionalProperties': {
        assert.equal(rule, false);
        const known = Object.keys((schema['properties'] ?? {}) as Schema);
        const patterns = Object.keys((schema['patternProperties'] ?? {}) as Schema).map((pattern) => new RegExp(pattern, 'u'));
        return object === undefined || Object.keys(object).every((key) => known.includes(key) || patterns.some((pattern) => pattern.test(key)));
      }
      default: return assert.fail(`the schema says ${word}`);
    }
  });
}

const inJob = (line: string): unknown => parse(`jobs: { a: { source: /a, targets: /b, ${line} } }`);

describe('docs/job-schema.json', () => {
  it('is current (else: npm run build && node scripts/make-job-schema.js)', () => {
    assert.equal(readFileSync(join(REPOSITORY, 'docs/job-schema.json'), 'utf8'), jobSchemaText());
  });

  it('takes the example of the guide, and short forms', () => {
    const example = /<!-- example -->\n```yaml\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'docs/jobs.md'), 'utf8'))?.[1] ?? '';
    assert.ok(fits(root, parse(example)));
    for (const line of ['schedule: "@daily"', 'schedule: { every: 5m, window: 8-18 }', 'extends: p', 'options: { xattrs: 2, delete: false, max-size: 10M, chmod: [D755, F644], modify-window: 1 }', 'filters: ["- x", { exclude: y }]', 'limits: { bwlimit: 500 }']) assert.ok(fits(root, inJob(line)), line);
  });

  it('refuses what the reader refuses', () => {
    for (const line of [
      'shedule: x', 'priority: 101', 'priority: 1.5', 'enabled: yes', 'overlap: cancel', 'jitter: 5', 'jitter: 5x', 'retention: 5', 'retention: { runs: 0 }', 'options: { maxsize: 1 }', 'options: { archive: true }', 'options: { delete: 7 }', 'options: { max-size: true }',
      'filters: [{ exclud: x }]', 'filters: [{ exclude: x, include: y }]', 'hooks: [{ command: x }]', 'hooks: [{ when: befor, command: x }]', 'notices: [{ kind: pong }]', 'notices: [{ kind: ping }]', 'notices: [{ url: "https://x" }]', 'notices: [{ kind: ping, url: "ftp://x" }]',
      'notices: [{ kind: mail, from: a@b, to: a@b, server: { user: u, password: hunter2 } }]', 'limits: { bandwidth: 5 }', 'filters: "- x"',
    ]) assert.ok(!fits(root, inJob(line)), line);
    assert.ok(!fits(root, parse('job: {}')) && !fits(root, parse('jobs: { "bad name": {} }')) && !fits(root, parse('defaults: { extends: x }')));
  });

  it('tells the meaning of each key', () => {
    const lacking = Object.entries((root.$defs['job'] as { properties: Record<string, Schema> }).properties).filter(([, each]) => typeof each['description'] !== 'string' || each['description'].length < 5);
    assert.deepEqual(lacking.map(([key]) => key), []);
  });
});
