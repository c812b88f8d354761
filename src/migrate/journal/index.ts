/** What a migration has done and seen. */
export * from './events.js';
export { Journal, journalPath, readEvent, readJournal } from './journal.js';
export { AT_REST, canGo, FOLLOWING, FROZEN, MAY, standOf, type Stand } from './machine.js';
