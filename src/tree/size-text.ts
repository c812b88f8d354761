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
