/** Bytes for people, in units of 1024: `870 bytes`, `2.4 GiB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let k = 0;
  while (value >= 1024 && k < units.length - 1) {
    value /= 1024;
    k++;
  }
  return `${k === 0 ? value : value.toFixed(1)} ${units[k] as string}`;
}

const SIZE = /^(\d{1,12}(?:\.\d{1,6})?)\s*(?:([kmgtp])(?:i?b)?|b|bytes)?$/i;

/** Bytes that people wrote, K, M, G, T and P in units of 1024; undefined: it is no size. */
export function parseSizeText(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * 1024 ** ('kmgtp'.indexOf((match[2] ?? '').toLowerCase() || ' ') + 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
