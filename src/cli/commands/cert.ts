/** `twintree cert make|show|token`: certificates and tokens, by which daemon and client know each other. Secrets go to files of mode 0600. */
import { hostname } from 'node:os';
import { fingerprintOf, formatToken, makeCertificate, makeToken, readIdentity, writeNew } from '../../transport/index.js';
import type { ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { parseSmall, typed } from './small-args.js';

const USAGE = `twintree cert make FILE [--name NAME]
twintree cert show FILE
twintree cert token FILE NAME

make: a new certificate and its private key, both in FILE, and its fingerprint on stdout. show: the fingerprint of the certificate in FILE.
token: a new shared secret under NAME in FILE. No file is ever replaced.`;
const MORE = 'Give the other side the fingerprint, or the token file over a channel that you trust. docs/serve.md tells more. Exit codes are in docs/exit-codes.md.';

/** Years that a certificate is good for. Nobody asks: its fingerprint decides. */
const YEARS = 30;

export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('cert', args, ['help'], ['name']);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, [{ name: 'name', argument: 'NAME', help: "make: the name in the certificate, for people (this host's)" }], MORE));
    return EXIT.ok;
  }
  const [action, file, name, ...rest] = names;
  const needed = action === 'token' ? 3 : 2;
  if (action !== 'make' && action !== 'show' && action !== 'token') throw usageError('cert needs make, show or token', 'twintree cert --help tells more.');
  if (file === undefined || names.length !== needed || rest.length > 0) throw usageError(`cert ${action} takes ${action === 'token' ? 'FILE and NAME' : 'FILE'}`, 'twintree cert --help tells more.');
  if (action !== 'make' && options.has('name')) throw usageError('--name is for cert make');
  const path = typed(file);
  switch (action) {
    case 'make': make(path, options.get('name')); break;
    case 'show': process.stdout.write(`${fingerprintOf(readIdentity(path).cert)}\n`); break;
    case 'token': writeNew(path, formatToken(makeToken(typed(name ?? ('' as ByteString))))); break;
  }
  return EXIT.ok;
}

function make(path: string, name: ByteString | undefined): void {
  const now = Date.now();
  const pair = makeCertificate({
    name: name === undefined ? hostname().slice(0, 64) : typed(name),
    notBefore: new Date(now - 24 * 3600_000), // clocks differ
    notAfter: new Date(now + YEARS * 365.25 * 24 * 3600_000),
  });
  writeNew(path, pair.certificate + pair.key);
  process.stdout.write(`${pair.fingerprint}\n`);
}
