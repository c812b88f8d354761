/** Where migrations are kept. */
export { conductorPid, keepDefinition, keptDefinition, migrationFolder, migrationNames, MIGRATION_SOCKET, takeConductorLock } from './place.js';
