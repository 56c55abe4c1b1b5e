/** A number as people write it: `10,000`. */
export function number(value: number): string {
  return value.toLocaleString('en');
}

/** A size as people say it: `1.5 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
