#!/usr/bin/env node
/**
 * The long form of the tests between hosts, after `npm test` has built them: a connection that is cut a hundred times (TWINTREE_CUTS says another
 * number), all lies of a hostile host, and all options over a real sshd and over TLS. Ends with the exit code of the first part that fails.
 */
import { runParts } from './long-form.js';

runParts([
  ['build/test/e2e/remote-hostile-agent.test.js', { TWINTREE_HOSTILE: 'all' }],
  ['build/test/fault/remote-cut.test.js', { TWINTREE_CUTS: process.env.TWINTREE_CUTS ?? '100' }],
  ['build/test/e2e/remote-parity.test.js', { TWINTREE_CARRIER: 'ssh' }],
  ['build/test/e2e/remote-parity.test.js', { TWINTREE_CARRIER: 'tls' }],
]);
