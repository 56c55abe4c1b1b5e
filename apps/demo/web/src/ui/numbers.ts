const whole = new Intl.NumberFormat('en');

/** A count as people read it: `10,002`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** A count with its noun: `1 row`, `10,002 rows`. */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const KILOBYTE = 1024;
const MEGABYTE = 1024 * KILOBYTE;

/** A size as people read it: `312 bytes`, `640 KB`, `1.4 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < KILOBYTE) return countOf(bytes, 'byte');
  if (bytes < MEGABYTE) return `${formatCount(Math.ceil(bytes / KILOBYTE))} KB`;
  return `${(bytes / MEGABYTE).toFixed(1)} MB`;
}
