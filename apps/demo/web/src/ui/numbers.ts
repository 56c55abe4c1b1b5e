const whole = new Intl.NumberFormat('en');

/** A count as people read it: `10,002`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** A count with its noun: `1 row`, `10,002 rows`. */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
