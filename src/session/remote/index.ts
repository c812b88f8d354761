/** Sessions between hosts: the client and the agent. */
export { runRemote, type LinkSettings, type RemoteRequest } from './client.js';
export { openStanding, Standing, type StandingOptions, type StandingRequest } from './standing.js';
export type { RemoteWork } from './work.js';
export { serveAgent, type AgentOptions } from './agent.js';
export { REFUSABLE, UNLIMITED, type AgentLimits } from './confine.js';
export { checkRefusable, everyPeer, limitsOf, parseExports, rootFor, type Access, type ExportedRoot, type Exports } from './exports.js';
export { becomeUser, takePlace } from './privileges.js';
