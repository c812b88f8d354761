/**
 * .gitignore files → rules, as gitignore(5) has them.
 *
 * In git the last matching line decides; a list of rules is decided by the first. So a file's rules come out in reverse, and
 * the caller puts deeper folders' rules before shallower ones.
 */
import { fromBytes, type ByteString } from '../tree/index.js';
import type { FilterRule, RuleOrigin } from './rule.js';

/** Name of the files. */
export const GITIGNORE = '.gitignore' as ByteString;

/** The rules of one file's content, the last line first. There are no syntax errors: a line that means nothing matches nothing. */
export function parseGitignore(content: Buffer, origin: RuleOrigin): FilterRule[] {
  const rules: FilterRule[] = [];
  let text = fromBytes(content);
  if (text.startsWith('\xef\xbb\xbf')) text = text.slice(3) as ByteString; // UTF-8 byte order mark
  text.split('\n').forEach((raw, i, lines) => {
    const crlf = raw.endsWith('\r') && (i < lines.length - 1 || raw.length > 1);
    const line = crlf ? raw.slice(0, -1) : raw;
    if (line.startsWith('#')) return;
    const trimmed = trimSpaces(line);
    const include = trimmed.startsWith('!');
    // "\!" and "\#" begin a pattern with that byte: the glob's backslash already means it.
    const pattern = include ? trimmed.slice(1) : trimmed;
    if (pattern === '') return;
    rules.push({
      kind: 'pattern', text: line as ByteString, origin: { source: origin.source, line: i + 1 }, pattern: pattern as ByteString,
      dialect: 'git', include, sides: 'default', negate: false, absolute: false, perishable: false, xattr: false,
    });
  });
  return rules.toReversed();
}

/** Without trailing spaces, but for one behind a backslash. */
function trimSpaces(line: string): string {
  let end = 0; // behind the last byte to keep
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    if (c === '\\') {
      i++;
      end = Math.min(i + 1, line.length);
    } else if (c !== ' ') end = i + 1;
  }
  return line.slice(0, end);
}
