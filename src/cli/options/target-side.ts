/**
 * -M, --remote-option: options for the other side alone. On a local copy rsync is its own remote side, and that is the target;
 * what makes sense there is honoured, everything else is refused by name.
 */
import { displayName, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Draft } from './draft.js';

export function applyTargetSide(draft: Draft, option: ByteString): void {
  switch (option) {
    case '--fake-super': draft.connection.remoteFakeSuper = true; return;
    case '--super': draft.connection.remoteFakeSuper = false; return;
    case '--munge-links': draft.connection.remoteMunge = true; return;
    case '--no-munge-links': draft.connection.remoteMunge = false; return;
    default:
      if (!option.startsWith('-')) throw usageError(`--remote-option=${displayName(option)} is not an option: it does not begin with a dash`);
      throw new CommandError('UNSUPPORTED', `--remote-option=${displayName(option)} is not honoured for the other side`, {
        exitCode: EXIT.unsupported, advice: 'For the other side alone there are --fake-super, --super, --munge-links and --no-munge-links.',
      });
  }
}
