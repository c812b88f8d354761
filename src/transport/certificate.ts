/**
 * certificate: self-signed certificates for both ends of a TLS connection, made with Node's own cryptography. Nobody's authority is
 * asked: each end knows the other by the SHA-256 of its certificate, so name and dates in it are for people.
 */
import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { TwintreeError } from '../tree/index.js';
import { bits, boolean, explicit, octets, oid, sequence, set, tagged, time, unsigned, utf8 } from './der.js';

export type KeyKind = 'ed25519' | 'ecdsa-p256';

/** A certificate and its private key, both PEM. */
export interface CertificatePair { readonly certificate: string; readonly key: string; readonly fingerprint: string }

/** What stands in a certificate. */
export interface CertificateOptions {
  /** Common name, 1 to 64 characters. */
  readonly name: string;
  readonly kind?: KeyKind;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const FINGERPRINT = /^sha256:[0-9a-f]{64}$/;

/** Makes a key pair and the certificate that it signs itself (X.509 v3, RFC 5280; Ed25519: RFC 8410). Throws USAGE for a name that is empty or too long. */
export function makeCertificate(options: CertificateOptions): CertificatePair {
  const { name, kind = 'ed25519', notBefore, notAfter } = options;
  if (name === '' || [...name].length > 64) throw new TwintreeError('USAGE', 'the name of a certificate has 1 to 64 characters');
  const { publicKey, privateKey } = kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(kind === 'ed25519' ? '1.3.101.112' : '1.2.840.10045.4.3.2'));
  const body = certificateBody(name, publicKey, algorithm, notBefore, notAfter);
  const signature = sign(kind === 'ed25519' ? null : 'sha256', body, privateKey);
  const der = sequence(body, algorithm, bits(signature));
  return {
    certificate: pem(der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    fingerprint: `sha256:${createHash('sha256').update(der).digest('hex')}`,
  };
}

function certificateBody(name: string, publicKey: KeyObject, algorithm: Buffer, notBefore: Date, notAfter: Date): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and never shorter
  const who = sequence(set(sequence(oid('2.5.4.3'), utf8(name))));
  const key = publicKey.export({ type: 'spki', format: 'der' });
  return sequence(
    explicit(0, unsigned(Buffer.from([2]))), // version 3
    unsigned(serial),
    algorithm,
    who,
    sequence(time(notBefore), time(notAfter)),
    who,
    key,
    explicit(3, sequence(
      extension('2.5.29.19', sequence()), // basic constraints: no authority
      extension('2.5.29.15', bits(Buffer.from([0x80]), 7)), // key usage: digital signature
      extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))), // server and client
      sequence(oid('2.5.29.17'), octets(sequence(tagged(0x82, Buffer.from(asciiName(name), 'latin1'))))), // its name for software that looks only here
    )),
  );
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), boolean(true), octets(value));
}

/** A DNS name is ASCII: other characters become dashes. */
function asciiName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9.-]/g, '-');
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** `sha256:` and 64 hexadecimal digits of a certificate's DER bytes. Throws USAGE where `certificate` is none. */
export function fingerprintOf(certificate: string | Buffer): string {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (error) {
    throw new TwintreeError('USAGE', 'this is no certificate', { cause: error });
  }
  return `sha256:${createHash('sha256').update(parsed.raw).digest('hex')}`;
}

/** Until when a certificate says it is good, ms since 1970. Throws USAGE where `certificate` is none. */
export function endOf(certificate: string): number {
  try {
    return Date.parse(new X509Certificate(certificate).validTo);
  } catch (error) {
    throw new TwintreeError('USAGE', 'this is no certificate', { cause: error });
  }
}

/** A fingerprint as people write it (capitals, colons between bytes, with or without `sha256:`) → its one form; undefined: it is none. */
export function parseFingerprint(text: string): string | undefined {
  const plain = text.trim().toLowerCase();
  const digits = plain.replace(/^sha256[:=]/, '').replaceAll(':', '');
  const fingerprint = `sha256:${digits}`;
  return FINGERPRINT.test(fingerprint) ? fingerprint : undefined;
}
