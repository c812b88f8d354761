/** Control messages (channel 0) and the last words of a connection. Here is their outer form; each type's validator checks its members. */
import { WireError } from './error.js';
import { encodeJson, parseJsonObject } from './json.js';
import { MAX_HELLO, MAX_PAYLOAD } from './limits.js';
import type { ControlMessage } from './messages.js';

/** @throws WireError 'limit' where it is longer than a frame. */
export function encodeControl(message: ControlMessage): Buffer {
  const payload = encodeJson(message);
  if (payload.length > MAX_PAYLOAD) throw new WireError('limit', `a "${message.type}" message of ${payload.length} bytes is longer than a frame`);
  return payload;
}

/** @throws WireError */
export function parseControl(payload: Uint8Array): ControlMessage {
  if (payload.length > MAX_PAYLOAD) throw new WireError('limit', 'a control message is longer than a frame');
  const message = parseJsonObject(payload);
  const { type } = message;
  if (typeof type !== 'string' || !/^[a-z][a-z-]{0,31}$/.test(type)) throw new WireError('json', 'a control message has no type');
  return { ...message, type };
}

/** Why an end closes the connection: 'done', or the code of an error. */
export interface Bye { readonly code: string; /** A sentence for people; escape it before a terminal gets it. */ readonly message: string }

/** The message is cut to what a Bye may hold. */
export function encodeBye({ code, message }: Bye): Buffer {
  return encodeJson({ code, message: message.slice(0, 2000) }); // half a surrogate pair at the cut is written as an escape
}

/** @throws WireError */
export function parseBye(payload: Uint8Array): Bye {
  if (payload.length > MAX_HELLO) throw new WireError('limit', 'a Bye is too long');
  const { code, message, ...rest } = parseJsonObject(payload);
  if (typeof code !== 'string' || !/^[A-Za-z][A-Za-z_-]{0,63}$/.test(code) || typeof message !== 'string' || Object.keys(rest).length > 0) {
    throw new WireError('json', 'a Bye is not one');
  }
  return { code, message };
}
