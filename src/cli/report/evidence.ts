/** What is told of evidence: paths that are not equal, and what it proves; as lines for people or as JSON lines (docs/evidence.md). */
import type { CheckResult, Note, Proof, ReadEvidence, TreeDifference } from '../../evidence/index.js';
import { displayName, sizeText, toBytes, TwintreeError, type ByteString } from '../../tree/index.js';
import { describeError, sentence } from '../errors.js';

/** Version of the JSON lines. */
const JSON_VERSION = 1;

type Out = { write(text: string): unknown };

/** A report on stdout. */
export class EvidenceReport {
  constructor(private readonly out: Out, private readonly json: boolean, private readonly quiet: boolean, action: string) {
    if (json) this.line({ type: 'hello', version: JSON_VERSION, program: 'twintree', command: `evidence ${action}`, pid: process.pid });
  }

  note({ kind, path, what }: Note): void {
    if (this.json) this.line({ type: 'note', kind, ...named(path), what });
    else this.text(`${kind}: ${shown(path)}${what.length === 0 ? '' : ` (${what.join(', ')})`}\n`);
  }

  difference({ kind, path, what }: TreeDifference): void {
    if (this.json) this.line({ type: 'difference', kind, ...named(path), what });
    else this.text(`${kind}: ${shown(path)}${what.length === 0 ? '' : ` (${what.join(', ')})`}\n`);
  }

  made(proof: Proof, file: ByteString, exitCode: number): void {
    if (this.json) {
      const { notes, ...rest } = proof;
      this.line({ type: 'evidence', ...rest, told: notes.length, file: displayName(file) });
      this.line({ type: 'outcome', exitCode });
      return;
    }
    if (this.quiet) return;
    for (const [side, stats] of [['source', proof.source], ['target', proof.target]] as const) {
      const believed = stats.filesBelieved === 0 ? '' : `; ${stats.filesBelieved} (${sizeText(stats.bytesBelieved)}) vouched for by the index, of which ${stats.filesSampled} more were read as a sample`;
      const known = stats.bytesKnown === 0 ? '' : `, of which ${sizeText(stats.bytesKnown)} were known by their sums`;
      this.text(`${side}: ${stats.entries} entries, ${stats.files} files (${sizeText(stats.bytes)}); read ${stats.filesRead} files (${sizeText(stats.bytesRead)}${known})${believed}\n`);
    }
    this.text(`${summary(proof)}\nevidence: ${displayName(file)}\nroot: ${proof.root}\nsigned by: ${proof.keyFingerprint ?? 'nobody'}\n`);
  }

  checked({ evidence, entries, differences }: CheckResult, tree: ByteString | undefined, isAsked: boolean, exitCode: number): void {
    const { fingerprint, folder } = evidence;
    if (this.json) {
      this.line({ type: 'evidence', ...facts(evidence), entries, ...(tree === undefined ? {} : { tree: displayName(tree), differences }), keyAsked: isAsked });
      this.line({ type: 'outcome', exitCode });
      return;
    }
    if (this.quiet) return;
    this.text(`${described(evidence)}${folder === '' ? '' : `extract: ${shown(folder)} alone\n`}entries checked: ${entries}\n`);
    if (tree !== undefined) this.text(differences === 0 ? `${displayName(tree)} is as the evidence says\n` : `${displayName(tree)} differs from the evidence in ${differences} path${differences === 1 ? '' : 's'}\n`);
    this.text(`signature: sound, by ${fingerprint}\n${isAsked ? 'It is the key that was asked for.\n' : KEY_UNKNOWN}`);
  }

  compared(older: ReadEvidence, newer: ReadEvidence, differences: number, exitCode: number): void {
    if (this.json) {
      this.line({ type: 'compared', older: facts(older), newer: facts(newer), differences });
      this.line({ type: 'outcome', exitCode });
    } else if (!this.quiet) this.text(differences === 0 ? 'nothing changed\n' : `${differences} path${differences === 1 ? '' : 's'} changed\n`);
  }

  extracted(evidence: ReadEvidence, folder: ByteString, file: ByteString): void {
    if (this.json) this.line({ type: 'extract', ...facts(evidence), folder: displayName(folder), file: displayName(file) });
    else if (!this.quiet) this.text(`extract: ${displayName(file)}\n`);
  }

  fail(error: unknown): void {
    if (this.json) this.line({ type: 'error', code: error instanceof TwintreeError ? error.code : 'INTERNAL', message: error instanceof Error ? error.message : String(error), exitCode: describeError(error, false).exitCode });
  }

  private text(text: string): void {
    this.out.write(text);
  }

  private line(value: Record<string, unknown>): void {
    this.out.write(`${JSON.stringify(value)}\n`);
  }
}

const KEY_UNKNOWN = 'Nobody said whose key that is (--key, --fingerprint): this proves that nothing was changed since its owner signed it, and not who that is.\n';

function summary({ result, differences, missing, extras, losses, unread, unjudged }: Proof): string {
  const parts = [[differences, 'differ'], [missing, 'missing'], [extras, 'extra'], [unread, 'not read'], [unjudged, 'not judged'], [losses, 'with losses']].flatMap(([n, name]) => (n === 0 ? [] : [`${n} ${name}`]));
  const said = { equal: 'the trees are equal', different: 'the trees differ', incomplete: 'nothing differs, but not everything could be read or judged' }[result];
  return parts.length === 0 ? said : `${said}: ${parts.join(', ')}`;
}

function described({ statement }: ReadEvidence): string {
  const { made, source, target, result, mode, samplePercent, counts, subject } = statement;
  const read = mode === 'full' ? 'everything was read' : `the index was believed, and ${samplePercent} % of what it vouched for read`;
  return `${subject === '' ? '' : `subject: ${sentence(subject)}\n`}made: ${new Date(made).toISOString()} by ${sentence(statement.program)}\n`
    + `source: ${sentence(source.host)}:${displayName(source.path)}\ntarget: ${sentence(target.host)}:${displayName(target.path)}\nresult: ${result} (${read})\n`
    + `of the target: ${target.stats.entries} entries, ${target.stats.files} files, ${sizeText(target.stats.bytes)}\n`
    + `differences ${counts.difference}, missing ${counts.missing}, extra ${counts.extra}, losses ${counts.loss}, not read ${counts.unread}, not judged ${counts.unjudged}\nroot: ${target.root}\n`;
}

function facts({ statement, root, fingerprint, folder }: ReadEvidence): Record<string, unknown> {
  const { made, source, target, result, mode, samplePercent, counts, losses, subject } = statement;
  return {
    made, subject, source: { host: source.host, path: displayName(source.path) }, target: { host: target.host, path: displayName(target.path) }, result, mode, samplePercent, counts, losses, root, fingerprint,
    folder: displayName(folder),
  };
}

function shown(path: ByteString): string {
  return path === '' ? './' : displayName(path);
}

/** A path, and its bytes where it is not UTF-8. */
function named(path: ByteString): Record<string, unknown> {
  const text = displayName(path);
  return toBytes(path).equals(Buffer.from(text, 'utf8')) ? { path: text } : { path: text, pathBytes: toBytes(path).toString('base64') };
}
