/** Certificates and the encoder under them, judged by Node's parser and, where it is installed, by openssl. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, makeCertificate, parseFingerprint } from '../../src/transport/index.js';
import { bits, oid, sequence, time, unsigned } from '../../src/transport/der.js';
import { cleanUp, tempDir } from './support.js';

const DATES = { notBefore: new Date('2026-01-02T03:04:05Z'), notAfter: new Date('2061-01-02T03:04:05Z') };
const hex = (bytes: Buffer): string => bytes.toString('hex');

describe('DER', () => {
  it('encodes as X.690 says', () => {
    assert.equal(hex(oid('1.3.101.112')), '06032b6570');
    assert.equal(hex(oid('1.2.840.10045.4.3.2')), '06082a8648ce3d040302');
    assert.equal(hex(oid('2.5.29.15')), '0603551d0f');
    assert.equal(hex(unsigned(Buffer.from([0]))), '020100');
    assert.equal(hex(unsigned(Buffer.from([0, 0, 0x7f]))), '02017f');
    assert.equal(hex(unsigned(Buffer.from([0x80]))), '02020080');
    assert.equal(hex(bits(Buffer.from([0x80]), 7)), '03020780');
    assert.equal(hex(sequence(Buffer.alloc(127))).slice(0, 4), '307f');
    assert.equal(hex(sequence(Buffer.alloc(128))).slice(0, 6), '308180');
    assert.equal(hex(sequence(Buffer.alloc(70_000))).slice(0, 10), '3083011170');
    assert.equal(time(new Date('2049-12-31T23:59:59.900Z')).toString('latin1', 2), '491231235959Z');
    assert.equal(time(new Date('2050-01-01T00:00:00Z')).toString('latin1', 2), '20500101000000Z');
  });
});

describe('a certificate', () => {
  afterEach(cleanUp);

  for (const kind of ['ed25519', 'ecdsa-p256'] as const) {
    it(`of kind ${kind} is what it was asked to be, signed by its own key`, () => {
      const made = makeCertificate({ name: 'büro 1', kind, ...DATES });
      const parsed = new X509Certificate(made.certificate);
      assert.equal(parsed.subject, 'CN=büro 1');
      assert.equal(parsed.issuer, parsed.subject);
      assert.equal(new Date(parsed.validFrom).getTime(), DATES.notBefore.getTime());
      assert.equal(new Date(parsed.validTo).getTime(), DATES.notAfter.getTime());
      assert.equal(parsed.ca, false);
      assert.ok(parsed.verify(parsed.publicKey));
      assert.ok(parsed.checkPrivateKey(createPrivateKey(made.key)));
      assert.equal(made.fingerprint, `sha256:${parsed.fingerprint256.replaceAll(':', '').toLowerCase()}`);
      assert.equal(fingerprintOf(made.certificate), made.fingerprint);
      assert.notEqual(makeCertificate({ name: 'x', kind, ...DATES }).fingerprint, made.fingerprint);
    });

    it(`of kind ${kind} is read by openssl without a complaint`, function () {
      if (spawnSync('openssl', ['version']).status !== 0) this.skip(); // openssl is not installed
      const file = join(tempDir(), 'c.pem');
      writeFileSync(file, makeCertificate({ name: 'box', kind, ...DATES }).certificate);
      const shown = spawnSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' });
      assert.equal(shown.status, 0, shown.stderr);
      assert.match(shown.stdout, /Version: 3/);
      assert.match(shown.stdout, /CA:FALSE/);
      assert.match(shown.stdout, /Digital Signature/);
      assert.match(shown.stdout, /DNS:box/);
      const verified = spawnSync('openssl', ['verify', '-x509_strict', '-check_ss_sig', '-partial_chain', '-trusted', file, file], { encoding: 'utf8' });
      assert.match(verified.stdout + verified.stderr, /: OK/);
    });
  }

  it('needs a name of 1 to 64 characters', () => {
    for (const name of ['', 'x'.repeat(65)]) assert.throws(() => makeCertificate({ name, ...DATES }), { code: 'USAGE' });
    makeCertificate({ name: 'ü'.repeat(64), ...DATES });
    assert.throws(() => fingerprintOf('nothing'), { code: 'USAGE' });
  });

  it('has one fingerprint, however people write it', () => {
    const digits = 'ab'.repeat(32);
    for (const text of [digits, `sha256:${digits}`, digits.toUpperCase(), `SHA256:${'AB:'.repeat(32).slice(0, -1)}`, ` sha256=${digits}\n`]) assert.equal(parseFingerprint(text), `sha256:${digits}`);
    for (const text of ['', 'sha256:', digits.slice(1), `${digits}0`, `sha1:${digits}`, 'g'.repeat(64)]) assert.equal(parseFingerprint(text), undefined);
  });
});
