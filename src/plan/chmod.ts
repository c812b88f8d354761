/**
 * The language of --chmod: changes to permissions, parsed once and applied to each source mode.
 *
 * A list of clauses separated by commas. A clause is an octal number (all twelve bits are set to it), or
 * who (`ugoa`, none: everyone, less the umask), one operator (`+ - =`) and what (`rwxXst`, or one of
 * `ugo`: the bits that class has). `D` or `F` before it restricts a clause to folders or to all else.
 * The grammar and its corners are those of rsync 3.5, which differ from chmod(1) in places; each is said below.
 */
import { TwintreeError } from '../tree/index.js';

/** One clause. Bits are of the mode's low twelve. */
export interface ModeChange {
  readonly only: 'dirs' | 'others' | undefined;
  readonly op: '+' | '-' | '=' | 'octal';
  /** Bits 0100, 0010 and 0001 for the classes meant. */
  readonly who: number;
  /** No class was named: the permission bits (not set-id and sticky) are masked by the umask. */
  readonly masked: boolean;
  /** rwx bits for every class meant, or for 'octal' the whole value. */
  readonly bits: number;
  /** Set-id and sticky bits to add, remove or set. */
  readonly special: number;
  /** Set-id and sticky bits that `=` clears first. */
  readonly clears: number;
  /** Shift of the class whose bits are copied (6, 3, 0), or undefined. */
  readonly copyFrom: 6 | 3 | 0 | undefined;
  /** `X`: execute is only given to folders and to what had some execute bit before the first clause. */
  readonly conditional: boolean;
}

/** A parsed --chmod. */
export type ModeChanges = readonly ModeChange[];

const CLAUSE = /^([DFugoa]*)([-+=])(?:([rwxXst]*)|([ugo]))$/;
const OCTAL = /^([DF]*)([0-7]+)$/;
const SPECIAL = 0o7000;
const ALL = 0o7777;

/**
 * Parses the text of --chmod; several options are joined with commas before.
 * @throws TwintreeError USAGE that names the text.
 */
export function parseChmod(text: string): ModeChanges {
  return text.split(',').map((clause) => parseClause(clause, text));
}

function parseClause(clause: string, text: string): ModeChange {
  const octal = OCTAL.exec(clause);
  if (octal) {
    const bits = Number.parseInt(octal[2] as string, 8);
    if (bits > ALL) throw refused(text, clause);
    return {
      only: restriction(octal[1] as string, text, clause), op: 'octal', who: 0, masked: false, bits,
      special: 0, clears: 0, copyFrom: undefined, conditional: false,
    };
  }
  const parts = CLAUSE.exec(clause);
  if (!parts) throw refused(text, clause);
  const [, who = '', op, what = '', copy] = parts;
  let classes = 0;
  let setId = 0;
  for (const c of who) {
    if (c === 'u') { classes |= 0o100; setId |= 0o4000; }
    else if (c === 'g') { classes |= 0o010; setId |= 0o2000; }
    else if (c === 'o') classes |= 0o001;
    else if (c === 'a') { classes |= 0o111; setId |= 0o6000; }
  }
  let bits = 0;
  let special = 0;
  for (const c of what) {
    if (c === 'r') bits |= 4;
    else if (c === 'w') bits |= 2;
    else if (c === 's') special = setId === 0 ? 0o4000 : special | setId; // `+s` and `o+s` mean set-uid, and forget a t before the s
    else if (c === 't') special |= 0o1000;
    else bits |= 1;
  }
  const masked = classes === 0;
  if (masked) classes = 0o111;
  // `=` leaves set-id and sticky alone, unless s or t was said or a class is copied into those it belongs to.
  let clears = 0;
  if (special !== 0) clears |= setId;
  if (copy !== undefined) clears |= ((classes & 0o100) << 5) | ((classes & 0o010) << 7) | ((classes & 0o001) << 9);
  return {
    only: restriction(who, text, clause), op: op as '+' | '-' | '=', who: classes, masked, bits: classes * bits, special, clears,
    copyFrom: copy === 'u' ? 6 : copy === 'g' ? 3 : copy === 'o' ? 0 : undefined, conditional: what.includes('X'),
  };
}

function restriction(who: string, text: string, clause: string): 'dirs' | 'others' | undefined {
  const dirs = who.includes('D');
  const others = who.includes('F');
  if (dirs && others) throw refused(text, clause);
  return dirs ? 'dirs' : others ? 'others' : undefined;
}

function refused(text: string, clause: string): TwintreeError {
  return new TwintreeError('USAGE', `--chmod=${text}: "${clause}" is not a change of permissions`, {
    advice: 'Use clauses such as Du=rwx,go-w,F644,+X.',
  });
}

/**
 * The mode after all clauses. Bits above the low twelve (the type) are kept. `X` asks the mode as it came
 * in, not as earlier clauses left it; a clause that copies a class reads what earlier clauses left.
 * @param umask the umask of the process that was asked to copy.
 */
export function applyChmod(changes: ModeChanges, mode: number, isDir: boolean, umask: number): number {
  const keepX = isDir || (mode & 0o111) !== 0;
  let now = mode & ALL;
  for (const change of changes) {
    if (change.only === 'dirs' ? !isDir : change.only === 'others' && isDir) continue;
    const open = change.masked ? ~umask : -1;
    const copied = change.copyFrom === undefined ? 0 : change.who * ((now >> change.copyFrom) & 7) & open;
    const bits = change.bits & open;
    const given = change.conditional && !keepX ? bits & ~0o111 : bits;
    switch (change.op) {
      case 'octal': now = change.bits; break;
      case '+': now |= given | change.special | copied; break;
      case '-': now &= ~(bits | change.special | copied); break; // X takes away from all, as rsync does
      case '=': now = (now & ~(change.who * 7 | change.clears)) | given | change.special | copied; break;
    }
  }
  return (mode & ~ALL) | (now & (0o777 | SPECIAL));
}
