/** Names and sizes of the source that a target cannot hold, seen as the source is listed. Pure; memory is bounded. */
import { isUtf8 } from 'node:buffer';
import type { TargetFacts } from '../session/index.js';
import { baseOf, toBytes, type RelPath } from '../tree/index.js';

/** How many, and a few of them. */
export interface Troubled { count: number; readonly examples: RelPath[] }
export interface NameTroubles { readonly notUtf8: Troubled; readonly refused: Troubled; readonly tooLong: Troubled; readonly tooLarge: Troubled }

const SHOWN = 5;
/** What Windows' file systems keep for themselves, and every control character. */
// oxlint-disable-next-line no-control-regex -- they are meant
const REFUSED = /[\u0000-\u001f"*:<>?\\|]|[. ]$/;
const WINDOWS = new Set(['vfat', 'exfat', 'ntfs']);

/** Whether anything of the source may be refused by its name or size. */
export function mayRefuse({ holds, fileSystem, maxFileSize, nameMax }: TargetFacts): boolean {
  return holds.anyBytes === false || WINDOWS.has(fileSystem) || maxFileSize !== undefined || nameMax < 255;
}

export class NameWatch {
  readonly troubles: NameTroubles = { notUtf8: none(), refused: none(), tooLong: none(), tooLarge: none() };

  /** @param shown examples of each trouble */
  constructor(private readonly target: TargetFacts, private readonly shown = SHOWN) {}

  /** An entry of the source; `size` of a regular file, else 0. */
  see(path: RelPath, size: number): void {
    const { holds, fileSystem, maxFileSize, nameMax } = this.target;
    const { troubles, shown } = this;
    const name = baseOf(path);
    if (holds.anyBytes === false && !isUtf8(toBytes(name))) note(troubles.notUtf8, path, shown);
    else if (WINDOWS.has(fileSystem) && REFUSED.test(name)) note(troubles.refused, path, shown);
    if (name.length > nameMax && nameMax > 0) note(troubles.tooLong, path, shown);
    if (maxFileSize !== undefined && size > maxFileSize) note(troubles.tooLarge, path, shown);
  }
}

export function none(): Troubled {
  return { count: 0, examples: [] };
}

export function note(troubled: Troubled, path: RelPath, most = SHOWN): void {
  troubled.count++;
  if (troubled.examples.length < most) troubled.examples.push(path);
}
