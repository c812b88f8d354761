/**
 * Filters on the walk: one scope for each side, entered folder by folder, and the reader of filter files
 * in the folders. Where no rule exists nothing is asked.
 */
import { FilterSet, type FileReader, type FilterScope } from '../../filter/index.js';
import type { Posix } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import type { ByteString, RelPath } from '../../tree/index.js';

/** Largest filter file that is read, in bytes. */
const MAX_FILTER_FILE = 16 << 20;

/** Scopes of one folder. */
export interface Scopes { source: FilterScope | undefined; target: FilterScope | undefined }

/** No filters at all. */
export const NO_SCOPES: Scopes = { source: undefined, target: undefined };

/** Handles of a folder on both sides, for filter files in it. */
export interface FolderHandles { source: readonly number[]; target: number }

/** The compiled rules of both sides. */
export class WalkFilters {
  readonly active: boolean;
  private readonly source: FilterSet;
  private readonly target: FilterSet;
  private readonly readsFiles: boolean;

  constructor(private readonly posix: Posix, options: SessionOptions, onProblem: (file: RelPath, message: string) => void) {
    const common = { deleteExcluded: options.delete.excluded, gitignore: options.walk.gitignore, onProblem };
    this.source = new FilterSet(options.filters, { side: 'source', ...common });
    this.target = new FilterSet(options.filters, { side: 'target', ...common });
    this.active = !this.source.empty || !this.target.empty;
    this.readsFiles = this.source.usesDirFiles || this.target.usesDirFiles;
  }

  /** Scopes of the transfer's root. */
  root(handles: FolderHandles): Scopes {
    if (!this.active) return NO_SCOPES;
    return { source: this.source.root(this.reader(handles.source)), target: this.target.root(this.reader([handles.target])) };
  }

  /** Scopes of a folder in the one that `scopes` belong to. */
  enter(scopes: Scopes, name: ByteString, handles: FolderHandles): Scopes {
    if (scopes.source === undefined && scopes.target === undefined) return NO_SCOPES;
    return {
      source: scopes.source?.enter(name, this.reader(handles.source)),
      target: scopes.target?.enter(name, this.reader([handles.target])),
    };
  }

  private reader(handles: readonly number[]): FileReader {
    if (!this.readsFiles) return () => undefined;
    return (name) => {
      for (const at of handles) {
        if (at < 0) continue;
        const content = readSmall(this.posix, at, name);
        if (content !== undefined) return content;
      }
      return undefined;
    };
  }
}

/** Reads a whole small file of a folder; undefined where it is absent or not a file that can be read. */
function readSmall(posix: Posix, at: number, name: ByteString): Buffer | undefined {
  const fd = posix.open(at, name, { read: true, follow: true, nonBlock: true });
  if (fd < 0) return undefined;
  try {
    const parts: Buffer[] = [];
    let total = 0;
    for (;;) {
      const part = Buffer.allocUnsafe(65536);
      const got = posix.read(fd, part, 0, part.length, -1);
      if (got <= 0) break;
      total += got;
      if (total > MAX_FILTER_FILE) break;
      parts.push(part.subarray(0, got));
    }
    return Buffer.concat(parts);
  } finally {
    posix.close(fd);
  }
}
