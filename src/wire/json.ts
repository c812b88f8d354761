/**
 * JSON from the other end: valid UTF-8, an object, its nesting and its number of values bounded before it is parsed. Which members it may
 * have is for the validator of each message. Throws only WireError.
 */
import { WireError } from './error.js';
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from './limits.js';

/** An object of JSON. */
export interface JsonObject { readonly [member: string]: unknown }

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses a payload that must be one JSON object. */
export function parseJsonObject(payload: Uint8Array): JsonObject {
  checkShape(payload);
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(payload), refuseProto);
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError('json', 'a message is not JSON in UTF-8', { cause: error });
  }
  if (!isJsonObject(value)) throw new WireError('json', 'a message is not a JSON object');
  return value;
}

/** An object into a payload. Members that are undefined are left out. */
export function encodeJson(value: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuseProto(member: string, value: unknown): unknown {
  if (member === '__proto__') throw new WireError('json', 'a member is called __proto__');
  return value;
}

const QUOTE = 34;
const COMMA = 44;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Counts brackets and commas outside strings. */
function checkShape(text: Uint8Array): void {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case QUOTE:
        for (i++; i < text.length && text[i] !== QUOTE; i++) if (text[i] === BACKSLASH) i++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth++;
        values++;
        if (depth > MAX_JSON_DEPTH) throw new WireError('limit', `JSON is nested more than ${MAX_JSON_DEPTH} deep`);
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        values++;
        break;
      default:
    }
    if (values > MAX_JSON_VALUES) throw new WireError('limit', `JSON has more than ${MAX_JSON_VALUES} values`);
  }
}
