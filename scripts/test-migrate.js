#!/usr/bin/env node
/**
 * The long form of the tests of migrations, after `npm test` has built them: real services with more data, each moved there and back beside the same move by rsync, told
 * with the time for which clients had no service; a whole server at once; and trouble in every state, as often as TWINTREE_MIGRATE_ROUNDS says
 * (default 5). As root. Ends with the exit code of the first part that fails.
 */
import { runParts } from './long-form.js';

const rounds = Number(process.env.TWINTREE_MIGRATE_ROUNDS ?? 5);
const long = { TWINTREE_MIGRATE: 'long' };
runParts([
  ['build/test/e2e/migrate/services.test.js', long, ''],
  ...Array.from({ length: rounds }, (_, k) => ['build/test/e2e/migrate/trouble.test.js', long, `round ${k + 1} of ${rounds}`]),
]);
