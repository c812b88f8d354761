/**
 * Filter rules as data: what one rule says, where it was written, and which side it speaks to.
 *
 * A rule is plain and structured-cloneable: it is parsed once by the main thread and goes to the workers,
 * which compile it. Everything is bytes; nothing here matches or reads anything.
 */
import type { ByteString } from '../tree/index.js';

/** Where a rule was written, for people. */
export interface RuleOrigin {
  /** `--exclude`, `--filter`, `file NAME`, … */
  readonly source: string;
  /** Line in that file, 1-based; 0 for the command line. */
  readonly line: number;
}

/**
 * Which side a rule acts on: hides from the transfer (`source`), protects from deletion (`target`), or both.
 * `default` is a rule that does not say: both, unless --delete-excluded makes it the source's alone.
 */
export type RuleSides = 'default' | 'source' | 'target' | 'both';

/** How the content of a rule file is read. */
export interface RuleFileFormat {
  /** `rules`: each entry is a full rule; otherwise each is a bare pattern of that kind. */
  readonly syntax: 'rules' | 'exclude' | 'include';
  /** Entries end at white space, not at the line's end; there are no comments then. */
  readonly words: boolean;
  /** An entry `!` clears the list also among bare patterns (.cvsignore). */
  readonly cvs: boolean;
  /** Subfolders inherit what a folder's file says. */
  readonly inherit: boolean;
}

/** One rule of an ordered list; the first that matches decides. */
export interface FilterRule {
  /**
   * `pattern` includes or excludes; `dir-merge` stands for what the folders' files say; `clear` drops
   * everything before it in its list; `cvs` (a `-C` rule) stands for CVS's patterns, see `expandCvs`.
   */
  readonly kind: 'pattern' | 'dir-merge' | 'clear' | 'cvs';
  /** The rule as it was written. */
  readonly text: ByteString;
  readonly origin: RuleOrigin;
  /** The pattern; of a `dir-merge`, the name or path of the file; otherwise empty. */
  readonly pattern: ByteString;
  /** How the pattern is read: rsync's language, or that of .gitignore. */
  readonly dialect: 'rsync' | 'git';
  readonly include: boolean;
  readonly sides: RuleSides;
  /** Acts where the pattern does not match (`!`). */
  readonly negate: boolean;
  /** A pattern with a slash or `**` is matched against the absolute path (`/`). */
  readonly absolute: boolean;
  /** Does not keep a folder that is being deleted (`p`). */
  readonly perishable: boolean;
  /** Speaks of names of extended attributes, not of files (`x`). */
  readonly xattr: boolean;
  /** Of a `dir-merge`: how the files are read. The flags above are then the defaults of the rules in them. */
  readonly format?: RuleFileFormat;
}

/** Reads a file by name; undefined: it is not there. A file that is there and unreadable is reported by the reader itself. */
export type FileReader = (name: ByteString) => Buffer | undefined;
