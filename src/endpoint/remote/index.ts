/** The source on another host: the link to it, and the source as one thread sees it. */
export { Link, type SupplyFrame } from './link.js';
export type { LinkOptions } from './link-messages.js';
export { RemoteSource, type RemoteSetup } from './remote-source.js';
export type { ChannelEnd } from './channel.js';
