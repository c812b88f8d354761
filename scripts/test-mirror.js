#!/usr/bin/env node
/**
 * The long form of the tests of the mirror, after `npm test` has built them: real programs and storms change its source for minutes, with kills of
 * either side, cuts of the connection and a full disk in between. TWINTREE_MIRROR_SECONDS says for how long each part (default 180),
 * TWINTREE_MIRROR_SEED when trouble comes. Uses git and python3, and stress-ng and PostgreSQL where they are installed. As root. Ends with the exit code of
 * the first part that fails.
 */
import { runParts } from './long-form.js';

runParts([
  ['build/test/e2e/mirror.test.js', { MIRROR_STORMS: process.env.MIRROR_STORMS ?? '10' }],
  ['build/test/e2e/mirror-real.test.js', { TWINTREE_MIRROR_SECONDS: process.env.TWINTREE_MIRROR_SECONDS ?? '180' }],
]);
