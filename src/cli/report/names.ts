/**
 * How an operation's path is written: relative to the transfer, folders with a slash, the root as `./`; and its
 * long form as the source argument spells it (`%f`). Everything stays bytes.
 */
import { OpKind, type Operation, type SessionOptions } from '../../plan/index.js';
import { S_IFDIR, S_IFLNK, type ByteString, type RelPath } from '../../tree/index.js';
import { entryType } from './itemize.js';

/** One source argument, taken apart. */
interface SourceName {
  /** What stands before the path below the target in the long form. */
  prefix: string;
  /** First part of the paths it gives rise to; undefined where its contents go straight into the target. */
  first: string | undefined;
}

/** Names of a run's operations. */
export class Names {
  private readonly sources: SourceName[];
  /**
   * Whether the target's root is itself an entry of the transfer (`src/`, `.`), so that `./` is printed for it.
   * Otherwise it only holds what is transferred.
   */
  readonly rootIsListed: boolean;

  constructor(sources: readonly ByteString[], options: SessionOptions) {
    const relative = options.walk.relative;
    this.sources = sources.map((source) => (relative ? relativeSource(source) : plainSource(source)));
    const listed = options.filesFrom;
    if (listed !== undefined) {
      this.rootIsListed = listed.some((path) => (relative ? path.startsWith('./') || /(^|\/)\.\/*$/.test(path) : /(^|\/)\.{0,2}$/.test(path)));
    } else this.rootIsListed = relative
      ? sources.some((s) => s.startsWith('./') || /(^|\/)\.\/*$/.test(s))
      : this.sources.some((s) => s.first === undefined);
  }

  /** One file under another name: rsync's lines show the source's. */
  renamed: { name: ByteString; source: ByteString } | undefined;

  /** The path as the source knows it. */
  real(path: RelPath): RelPath {
    return this.renamed !== undefined && path === this.renamed.name ? this.renamed.source : path;
  }

  /** `%n`: the path, with a slash for a folder. */
  short(op: Operation, path: RelPath): string {
    return entryType(op) === S_IFDIR ? (path === '' ? './' : path + '/') : path;
  }

  /** `%f`: the path as seen from where the program was started, without leading `/` and `./`, no slash at the end. */
  long(op: Operation, path: RelPath): string {
    if (op.kind === OpKind.Delete) return path;
    const cut = path.indexOf('/');
    const first: string = cut < 0 ? path : path.slice(0, cut);
    let found: SourceName | undefined;
    let nth = 0;
    for (const source of this.sources) {
      if (source.first !== undefined && source.first !== first) continue;
      found ??= source;
      if (nth++ === op.layer) {
        found = source;
        break;
      }
    }
    if (found === undefined) return path;
    return path === '' ? found.prefix + '.' : found.prefix + path;
  }

  /** `%L`: ` -> text` of a symlink, ` => leader` of a hard link, ` <= old path` of a move, else nothing. */
  link(op: Operation): string {
    if (op.link === '') return '';
    switch (op.kind) {
      // With an alternate folder the link leads out of the tree: rsync names no leader there.
      case OpKind.Link: return op.alt === 0 ? ' => ' + op.link : entryType(op) === S_IFLNK ? ' -> ' + op.link : '';
      case OpKind.Move: return ' <= ' + op.link;
      case OpKind.Delete: return '';
      case OpKind.Folder: case OpKind.File: case OpKind.Node: case OpKind.Symlink: case OpKind.Attributes: case OpKind.Note:
        return entryType(op) === S_IFLNK ? ' -> ' + op.link : '';
    }
  }
}

/** `src` stands in the target under its last name, `src/` is poured into it. */
function plainSource(source: string): SourceName {
  const clean = cleaned(source);
  if (/(^|\/)\.{0,2}$/.test(source)) {
    return { prefix: clean === '' || clean === '.' ? '' : clean.replace(/\/+$/, '') + '/', first: undefined };
  }
  const cut = clean.lastIndexOf('/');
  return { prefix: clean.slice(0, cut + 1), first: clean.slice(cut + 1) };
}

/** With -R the path is kept from the last `/./` on, or as a whole. */
function relativeSource(source: string): SourceName {
  const at = source.indexOf('/./');
  const kept = cleaned(at < 0 ? source : source.slice(at + 3)).replace(/(^|\/)\.?\/*$/, '');
  const prefix = at < 0 ? '' : cleaned(source.slice(0, at + 1));
  return { prefix: prefix === '.' || prefix === './' ? '' : prefix, first: kept === '' ? undefined : kept.split('/')[0] };
}

function cleaned(source: string): string {
  return source.replace(/\/(\.?\/)+/g, '/').replace(/^(\.?\/)+/, '').replace(/\/\.$/, '/');
}
