import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The first folder that holds all of these programs: of PATH, else one that the patterns match,
 * the newest version first.
 */
export function findPrograms(
  names: readonly string[],
  patterns: readonly string[] = [],
): string | undefined {
  const path = process.env['PATH']?.split(delimiter) ?? [];
  const elsewhere = patterns.flatMap((pattern) => globSync(pattern).toSorted(newestFirst));
  const holdsAll = (folder: string) => names.every((name) => isExecutable(join(folder, name)));
  return [...path, ...elsewhere].find(holdsAll);
}

/** The path of the first of these programs that PATH, or the folders of the patterns, have. */
export function findProgram(
  names: readonly string[],
  patterns: readonly string[] = [],
): string | undefined {
  for (const name of names) {
    const folder = findPrograms([name], patterns);
    if (folder) return join(folder, name);
  }
  return undefined;
}

function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
