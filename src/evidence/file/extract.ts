/** An extract of evidence: one folder's part of the manifest with the proof that leads from it to the signed root. Whoever
 * holds it can check that folder, and learns of the rest at most fifteen entries beside each folder on the way. */
import { OutputFile } from '../../fs/index.js';
import { EMPTY, parentOf, S_IFDIR, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import { asciiJson } from '../manifest/entry.js';
import { folderText, proveText } from '../manifest/merkle.js';
import { encodeExtract, readEvidence, type ProofLevel, type ReadEvidence } from './read.js';
import { badEvidence } from './statement.js';
import { FIRST_LINE } from './write.js';

/** The texts of one folder on the way. */
interface Level { readonly line: string; readonly texts: string[]; chosen: number }

/**
 * Writes the extract of a folder. @throws TwintreeError EVIDENCE where the file proves nothing or is an extract itself, USAGE where it knows no such folder, IO.
 */
export async function extractEvidence(evidence: ByteString, folder: RelPath, output: ByteString, signal: AbortSignal = new AbortController().signal): Promise<ReadEvidence> {
  if (folder === EMPTY) throw new TwintreeError('USAGE', 'an extract is of a folder below the root');
  const file = new OutputFile(output);
  try {
    const lines: string[] = [];
    const levels = new Map<RelPath, Level>(); // folders that lead to it
    const open: { path: RelPath; line: string }[] = [];
    const read = await readEvidence(evidence, signal, {
      item(item, path) {
        if (item.kind === 'entry') {
          const above = levels.get(parentOf(path));
          if (item.entry.type !== S_IFDIR) {
            if (path !== EMPTY) above?.texts.push(`${item.line}\n`);
          } else {
            open.push({ path, line: item.line });
            if (path === EMPTY || folder.startsWith(`${path}/`)) levels.set(path, { line: item.line, texts: [], chosen: -1 });
          }
        } else {
          const closed = open.pop();
          const above = closed === undefined || closed.path === EMPTY ? undefined : levels.get(parentOf(closed.path));
          if (closed !== undefined && above !== undefined) {
            if (closed.path === folder || folder.startsWith(`${closed.path}/`)) above.chosen = above.texts.length;
            above.texts.push(folderText(closed.line, item.tree));
          }
        }
        const at = item.kind === 'entry' ? path : path;
        if (at === folder || at.startsWith(`${folder}/`)) lines.push(item.line);
      },
    });
    if (read.folder !== EMPTY) throw badEvidence('it is an extract itself', evidence);
    const proof: ProofLevel[] = [];
    for (let at: RelPath = folder; at !== EMPTY;) {
      at = parentOf(at);
      const level = levels.get(at);
      if (level === undefined || level.chosen < 0) throw new TwintreeError('USAGE', 'the evidence knows no such folder', { path: folder });
      proof.push({ way: proveText(level.texts, level.chosen), above: level.line });
    }
    for (const line of [FIRST_LINE, asciiJson(encodeExtract(folder, proof)), ...lines, read.statementLine, read.signatureLine]) file.write(Buffer.from(`${line}\n`, 'latin1'));
    file.commit();
    return read;
  } finally {
    file.discard();
  }
}
