import { BadRequestException } from '@nestjs/common';
import type { OperationFilter } from '@trunkline/contract';

const TEXTS = ['state', 'type', 'ownerId', 'parentId', 'before'] as const;
const KNOWN: ReadonlySet<string> = new Set([...TEXTS, 'owner', 'limit']);
const LABEL = /^labels\[(.+)\]$/;
const DEFAULT_WAIT_SECONDS = 30;

/**
 * Which operations the query of a URL asks for. Read from the URL itself, because each platform and parser
 * makes something else of `labels[file]=users.csv`. Throws 400 for what would be ignored.
 */
export function filterIn(url: string, userId: string): OperationFilter {
  const query = parametersOf(url);
  const labels = labelsIn(query);
  refuseUnknown(query);
  const texts = TEXTS.flatMap((name) => {
    const value = query.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const limit = query.get('limit');
  return {
    ...Object.fromEntries(texts),
    ...ownerIn(query, userId),
    ...(limit === undefined ? {} : { limit: wholeNumber('limit', limit) }),
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }),
  };
}

/** For how long somebody wants to wait, in milliseconds. */
export function timeoutIn(url: string): number {
  const timeout = parametersOf(url).get('timeout');
  return 1000 * (timeout === undefined ? DEFAULT_WAIT_SECONDS : wholeNumber('timeout', timeout));
}

function parametersOf(url: string): Map<string, string> {
  const { searchParams } = new URL(url, 'http://localhost');
  const parameters = new Map<string, string>();
  for (const [name, value] of searchParams) {
    if (parameters.has(name)) throw new BadRequestException(`${name} stands twice in the query`);
    if (value === '') throw new BadRequestException(`${name} is empty: leave it out`);
    parameters.set(name, value);
  }
  return parameters;
}

function labelsIn(query: ReadonlyMap<string, string>): [string, string][] {
  return [...query].flatMap(([name, value]) => {
    const key = LABEL.exec(name)?.[1];
    return key === undefined ? [] : [[key, value]];
  });
}

function refuseUnknown(query: ReadonlyMap<string, string>): void {
  const unknown = [...query.keys()].find((name) => !KNOWN.has(name) && !LABEL.test(name));
  if (unknown === undefined) return;
  throw new BadRequestException(
    `There is no query parameter ${JSON.stringify(unknown.slice(0, 100))}: there are ${[...KNOWN].join(', ')} and labels[…]`,
  );
}

function ownerIn(query: ReadonlyMap<string, string>, userId: string): { ownerId?: string } {
  const owner = query.get('owner');
  if (owner === undefined) return {};
  if (owner === 'me' && !query.has('ownerId')) return { ownerId: userId };
  throw new BadRequestException('owner is "me"; of somebody else, ownerId is their id');
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new BadRequestException(
    `${name} is a whole number, got ${JSON.stringify(text.slice(0, 100))}`,
  );
}
