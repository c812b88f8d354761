/** docs/errors.md lists every code of errors and problems, and no other. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../support/index.js';

/** Members of a union of string literals in a source file. */
function union(source: string, name: string): string[] {
  const body = source.split(`export type ${name} =`)[1]?.split('\n\n')[0] ?? '';
  return [...body.replaceAll(/\/\/.*$/gm, '').matchAll(/'([^']+)'/g)].map((match) => match[1] as string);
}

/** First column of a section's table. */
function listed(document: string, heading: string): string[] {
  const section = document.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] as string);
}

describe('docs/errors.md', () => {
  const source = readFileSync(join(REPOSITORY, 'src/tree/problem.ts'), 'utf8');
  const document = readFileSync(join(REPOSITORY, 'docs/errors.md'), 'utf8');
  for (const [name, heading] of [['ProblemCode', 'Problems'], ['ErrorCode', 'Errors']] as const) {
    it(`lists each ${name} once`, () => {
      const codes = union(source, name);
      assert.ok(codes.length > 10);
      assert.deepEqual(listed(document, heading).toSorted(), codes.toSorted());
    });
  }
});
