/** A promise and the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Stands in until the promise's own functions are there: its executor runs before `deferred` returns. */
const nothing = (): void => undefined;

/** Makes one; settling it twice does nothing. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = nothing;
  let reject: (error: unknown) => void = nothing;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
