/**
 * tls-token: the first bytes inside a TLS connection, before the protocol: the client says how it proves who it is, by its
 * certificate or by a shared token, and the server answers. A token is proved by an HMAC over keying material of this very TLS
 * session (RFC 8446, 7.5; RFC 5705), each side with a label of its own: it never travels, and a proof is worth nothing in any other session.
 * So the server's proof also vouches for its certificate.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { TwintreeError } from '../tree/index.js';
import type { Token } from './secret-files.js';

/** Before each message: `TWT` and a version. */
const PREFIX = Buffer.from('TWT\x01', 'latin1');
const PROOF = 32;
const EXPORTER = 'EXPORTER-twintree-token';
const LONGEST_NAME = 64;

/** What a client shows. */
export interface Claim { readonly name: string | undefined; readonly proof: Buffer }

function proofOf(socket: TLSSocket, side: 'client' | 'server', token: Token): Buffer {
  const material = socket.exportKeyingMaterial(32, EXPORTER, Buffer.alloc(0));
  return createHmac('sha256', token.secret).update(`twintree ${side}\0${token.name}\0`).update(material).digest();
}

/** Client: shows its claim; without a token the certificate speaks for it. */
export function sendClaim(socket: TLSSocket, token: Token | undefined): void {
  const name = Buffer.from(token?.name ?? '', 'latin1');
  const proof = token === undefined ? Buffer.alloc(PROOF) : proofOf(socket, 'client', token);
  socket.write(Buffer.concat([PREFIX, Buffer.from([token === undefined ? 0 : 1, name.length]), name, proof]));
}

/** Server: reads a claim. Rejects with NOT_TWINTREE where it is none, CONNECT where the connection ends. */
export async function readClaim(socket: TLSSocket): Promise<Claim> {
  const head = await readExactly(socket, PREFIX.length + 2);
  const mode = head[PREFIX.length];
  const length = head[PREFIX.length + 1] ?? 0;
  if (!head.subarray(0, PREFIX.length).equals(PREFIX) || mode === undefined || mode > 1 || length > LONGEST_NAME || (mode === 1) !== length > 0) {
    throw new TwintreeError('NOT_TWINTREE', 'the client is not twintree');
  }
  const rest = await readExactly(socket, length + PROOF);
  return { name: mode === 1 ? rest.toString('latin1', 0, length) : undefined, proof: rest.subarray(length) };
}

/** Server: whether the claim proves the token, in constant time. */
export function claimHolds(socket: TLSSocket, claim: Claim, token: Token): boolean {
  return timingSafeEqual(claim.proof, proofOf(socket, 'client', token));
}

/** Server: answers; with a token it proves that it knows it too. */
export function sendVerdict(socket: TLSSocket, accepted: boolean, token: Token | undefined): void {
  const proof = accepted && token !== undefined ? proofOf(socket, 'server', token) : Buffer.alloc(PROOF);
  socket.write(Buffer.concat([PREFIX, Buffer.from([accepted ? 0 : 1]), proof]));
}

/** Client: reads the verdict. Rejects with NOT_TWINTREE, or CONNECT where it was refused or the server does not know the token. */
export async function readVerdict(socket: TLSSocket, token: Token | undefined): Promise<void> {
  const answer = await readExactly(socket, PREFIX.length + 1 + PROOF);
  if (!answer.subarray(0, PREFIX.length).equals(PREFIX)) throw new TwintreeError('NOT_TWINTREE', 'the server is not twintree');
  if (answer[PREFIX.length] !== 0) {
    throw new TwintreeError('CONNECT', token === undefined ? 'the server does not know this certificate' : `the server does not accept the token "${token.name}"`, {
      advice: token === undefined ? 'Its administrator allows the fingerprint that twintree cert show prints.' : 'Both ends need the same line in their token files.',
    });
  }
  if (token !== undefined && !timingSafeEqual(answer.subarray(PREFIX.length + 1), proofOf(socket, 'server', token))) {
    throw new TwintreeError('CONNECT', 'the server does not know the token: it is not the one it claims to be');
  }
}

/** Exactly so many bytes; what follows them stays in the stream. */
function readExactly(socket: TLSSocket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      socket.off('readable', look);
      socket.off('end', gone);
      socket.off('close', gone);
      socket.off('error', broken);
    };
    const look = (): void => {
      const bytes = socket.read(length) as Buffer | null;
      if (bytes === null) return;
      end();
      if (bytes.length < length) reject(new TwintreeError('CONNECT', 'the connection ended before it was accepted'));
      else resolve(bytes);
    };
    const gone = (): void => {
      end();
      reject(new TwintreeError('CONNECT', 'the connection ended before it was accepted'));
    };
    const broken = (error: Error): void => {
      end();
      reject(new TwintreeError('CONNECT', error.message, { cause: error }));
    };
    socket.on('readable', look);
    socket.on('end', gone);
    socket.on('close', gone);
    socket.on('error', broken);
    look();
  });
}
