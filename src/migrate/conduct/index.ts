/** A migration at work. */
export { Conductor, type ConductorStatus, type Request } from './conductor.js';
export type { Direction, Following, FollowStatus, Foretold, MigrationPorts, Proof, ProofRequest, SessionResult, Writer } from './ports.js';
