/** Trees on disk for the filter tests, and the walks that a session makes over them, reduced to names. */
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileReader, FilterRule, FilterScope, RuleOrigin } from '../../src/filter/index.js';
import { parseFilterRule } from '../../src/filter/index.js';
import { tempFolder, type TempFolder } from '../support/index.js';
import { fromBytes, fromText, toBytes, type ByteString } from '../../src/tree/index.js';

export const HERE: RuleOrigin = { source: '--filter', line: 0 };

/** Text → bytes as rules and names have them. */
export const b = fromText;

/** The rules of several `-f` arguments. */
export function rulesOf(...texts: string[]): FilterRule[] {
  return texts.flatMap((text) => parseFilterRule(b(text), HERE));
}

const folders = new Map<string, TempFolder>();

/** A temporary folder by its real path, as rules on absolute paths need it. */
export function makeTemp(): string {
  const folder = tempFolder('filter');
  const path = realpathSync(folder.path);
  folders.set(path, folder);
  return path;
}

export function removeTemp(path: string): void {
  folders.get(path)?.remove();
  folders.delete(path);
}

/** Writes files (`path` → content); a path that ends with a slash is a folder. */
export function plant(root: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    if (path.endsWith('/')) mkdirSync(full, { recursive: true });
    else {
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
    }
  }
}

/** Reads files below a folder by the names that rules give. */
export function readerOf(folder: string): FileReader {
  return (name) => {
    try {
      return readFileSync(Buffer.concat([Buffer.from(`${folder}/`), toBytes(name)]));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
}

/** Reads files by absolute path. */
export const readAbsolute: FileReader = readerOf('');

interface Item {
  name: ByteString;
  isDir: boolean;
}

export function listing(folder: string): Item[] {
  return readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })
    .map((entry) => ({ name: fromBytes(entry.name), isDir: entry.isDirectory() }))
    .sort((x, y) => (x.name < y.name ? -1 : 1));
}

/** What the source side selects below `root`: paths in sorted order, folders with a slash behind. */
export function selected(root: string, scope: FilterScope): string[] {
  const found: string[] = [];
  const walk = (folder: string, path: string, here: FilterScope): void => {
    for (const { name, isDir } of listing(folder)) {
      if (here.excludes(name, isDir)) continue;
      found.push(isDir ? `${path}${name}/` : `${path}${name}`);
      if (isDir) walk(`${folder}/${name}`, `${path}${name}/`, here.enter(name, readerOf(`${folder}/${name}`)));
    }
  };
  walk(root, '', scope);
  return found.sort();
}

/** What the target side deletes below `root`, where `kept` names what the source sends (as `selected` gives it). */
export function deleted(root: string, scope: FilterScope, kept: readonly string[]): string[] {
  const found: string[] = [];
  const sent = new Set(kept);
  const walk = (folder: string, path: string, here: FilterScope, dying: boolean): boolean => {
    let emptied = true;
    for (const { name, isDir } of listing(folder)) {
      const full = isDir ? `${path}${name}/` : `${path}${name}`;
      const below = (dead: boolean): boolean =>
        walk(`${folder}/${name}`, full, here.enter(name, readerOf(`${folder}/${name}`), dead), dead);
      if (!dying && sent.has(full)) {
        if (isDir) below(false);
        emptied = false;
      } else if (here.excludes(name, isDir)) emptied = false;
      else if (isDir && !below(true)) emptied = false;
      else found.push(full);
    }
    return emptied;
  };
  walk(root, '', scope, false);
  return found.sort();
}
