/** shape: checks of values that come from a file, put together from small ones. What fits has the type that the check stands for. Pure. */

export type Check = (value: unknown) => boolean;

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
export const flag: Check = (value) => typeof value === 'boolean';
/** A count, a size or a time. */
export const count: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
export const whole: Check = (value) => count(value) && Number.isInteger(value);
export const text = (longest: number): Check => (value) => typeof value === 'string' && value.length <= longest;
export const oneOf = (values: readonly string[]): Check => (value) => typeof value === 'string' && values.includes(value);
export const orNull = (check: Check): Check => (value) => value === null || check(value);
export const list = (check: Check, most: number): Check => (value) => Array.isArray(value) && value.length <= most && value.every(check);
/** Each field is there and fits; further ones are let be. */
export const object = (fields: Readonly<Record<string, Check>>): Check => (value) => isObject(value) && Object.entries(fields).every(([key, check]) => check(value[key]));
