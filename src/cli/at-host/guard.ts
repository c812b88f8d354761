/** `guard`: started by the conductor of a migration on its own host. */
import { serveGuard } from '../../migrate/index.js';
import type { AtHostCommand } from '../commands/at-host.js';

export const guardHere: AtHostCommand = (question, ways) => serveGuard(question, () => ways.open());
