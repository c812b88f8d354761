/** Moving a tree that is in use: plan, follow, cut over, go back. */
export * from './definition/index.js';
export * from './hooks/index.js';
export * from './journal/index.js';
export * from './freeze/index.js';
export * from './conduct/index.js';
export * from './rehearse/index.js';
export * from './place/index.js';
export * from './survey/index.js';
export * from './forecast/index.js';
export * from './report/index.js';
