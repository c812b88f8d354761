/** `twintree seed export|import`: a tree as a standard tar archive, and back (docs/seed.md). */
import type { ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { parseExport, parseImport } from '../options/index.js';
import { exportRun, importRun } from '../seed.js';
import { printInstead, processContext, runReported } from './shared.js';

const ADVICE = 'twintree seed export SRC/ OUT writes an archive, twintree seed import OUT DST/ restores it; --help behind either tells more.';

export async function run(args: readonly ByteString[]): Promise<number> {
  const [action, ...rest] = args;
  switch (action) {
    case 'export': {
      const parsed = parseExport(rest, processContext());
      if (parsed.kind !== 'run') return printInstead('seed export', parsed);
      const session = exportRun(parsed, processContext());
      return runReported({ ...parsed, target: parsed.out }, session);
    }
    case 'import': {
      const parsed = parseImport(rest, processContext());
      if (parsed.kind !== 'run') return printInstead('seed import', parsed);
      const session = importRun(parsed, processContext());
      return runReported({ ...parsed, sources: parsed.archives, target: parsed.target }, session);
    }
    case '--help': case '-h':
      process.stdout.write(`${ADVICE}\n`);
      return EXIT.ok;
    default:
      throw usageError('seed needs export or import', ADVICE);
  }
}
