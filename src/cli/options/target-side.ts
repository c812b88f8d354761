/**
 * -M, --remote-option: options for the target's side alone. On a local copy rsync is its own remote
 * side; what makes sense there is honoured, everything else is refused by name.
 */
import { displayName, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Draft } from './draft.js';

export function applyTargetSide(draft: Draft, option: ByteString): void {
  switch (option) {
    case '--fake-super': draft.fakeSuper.target = true; return;
    case '--super': draft.fakeSuper.target = false; return;
    case '--munge-links': draft.munge.target = true; return;
    case '--no-munge-links': draft.munge.target = false; return;
    default:
      if (!option.startsWith('-')) throw usageError(`--remote-option=${displayName(option)} is not an option: it does not begin with a dash`);
      throw new CommandError('UNSUPPORTED', `--remote-option=${displayName(option)} is not honoured for the target of a local copy`, {
        exitCode: EXIT.unsupported, advice: 'For the target alone there are --fake-super, --super, --munge-links and --no-munge-links.',
      });
  }
}
