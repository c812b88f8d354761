/** TokenBucket: bytes over a clock that the test owns. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TokenBucket } from '../../src/transport/token-bucket.js';

describe('a bandwidth limit', () => {
  it('lets 1 MiB/s leave evenly: each tenth of a second carries a tenth', () => {
    let now = 0;
    const bucket = new TokenBucket(1 << 20, () => now);
    const tenths: number[] = [];
    for (let tenth = 0; tenth < 30; tenth++) {
      let bytes = 0;
      for (const end = (tenth + 1) * 100; now < end;) {
        const n = bucket.take(1 << 24);
        bytes += n;
        if (n === 0) now += bucket.waitMs(1 << 24);
      }
      tenths.push(bytes);
    }
    const share = (1 << 20) / 10;
    for (const bytes of tenths.slice(1)) assert.ok(Math.abs(bytes - share) <= bucket.slice, `${bytes} in a tenth of a second`);
    assert.ok(Math.abs(tenths.reduce((sum, n) => sum + n, 0) - 3 * (1 << 20)) <= 2 * bucket.slice);
  });

  it('never lets more leave in any stretch than rate × time and one slice, and never stands still', () => {
    fc.assert(fc.property(
      fc.integer({ min: 100, max: 1 << 30 }),
      fc.array(fc.record({ wanted: fc.integer({ min: 1, max: 1 << 24 }), pause: fc.integer({ min: 0, max: 3000 }) }), { minLength: 1, maxLength: 60 }),
      (rate, steps) => {
        let now = 0;
        const bucket = new TokenBucket(rate, () => now);
        const sent: [at: number, bytes: number][] = [];
        for (const { wanted, pause } of steps) {
          now += pause;
          let n = bucket.take(wanted);
          if (n === 0) {
            now += bucket.waitMs(wanted);
            n = bucket.take(wanted);
            assert.ok(n > 0);
          }
          sent.push([now, n]);
        }
        for (let i = 0; i < sent.length; i++) {
          let sum = 0;
          for (let j = i; j < sent.length; j++) {
            sum += sent[j]?.[1] ?? 0;
            const ms = (sent[j]?.[0] ?? 0) - (sent[i]?.[0] ?? 0);
            assert.ok(sum <= (rate * ms) / 1000 + bucket.slice + 1);
          }
        }
      },
    ));
  });
});
