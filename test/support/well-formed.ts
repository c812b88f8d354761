/** Pages of reports: HTML that is closed as it was opened and that needs nothing from elsewhere. */
import assert from 'node:assert/strict';

/** Every tag is closed in its order, attributes are quoted, nothing refers elsewhere, and no text begins a tag. */
export function wellFormed(page: string): void {
  const body = page.slice(page.indexOf('<html')).replace(/<style>[^<]*<\/style>/, '');
  const open: string[] = [];
  const lone = new Set(['meta', 'rect', 'line', 'path']);
  const optional = new Set(['th']); // closed by the next one
  let at = 0;
  for (const match of body.matchAll(/<(\/?)([a-z0-9]+)((?: [A-Za-z0-9-]+="[^"<>]*")*)(\/?)>/g)) {
    assert.doesNotMatch(body.slice(at, match.index), /[<>]/, 'text has no tags');
    at = match.index + match[0].length;
    const [, closes, name, attributes] = match as unknown as [string, string, string, string];
    assert.ok(!['script', 'img', 'link', 'iframe', 'object', 'image', 'use', 'foreignObject'].includes(name), name);
    for (const [, attribute, value] of attributes.matchAll(/ ([A-Za-z0-9-]+)="([^"]*)"/g)) {
      assert.ok(!/^on|^src$|^style$|^xlink/.test(attribute as string), attribute);
      if (attribute === 'href') assert.match(value as string, /^#job-\d+$/);
    }
    if (closes === '/') {
      while (optional.has(open.at(-1) ?? '') && open.at(-1) !== name) open.pop();
      assert.equal(open.pop(), name);
    } else if (!lone.has(name)) {
      if (optional.has(name) && open.at(-1) === name) open.pop();
      open.push(name);
    }
  }
  assert.deepEqual(open, []);
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  assert.doesNotMatch(page, /[\u0000-\u0008\u000b-\u001f\u202e]/);
}
