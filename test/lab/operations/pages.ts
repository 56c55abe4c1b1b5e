// Everybody's pages: real clients, which reconnect by themselves, each with a witness beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type OperationState } from '@trunkline/contract';
import { answer } from '../child.ts';
import type { Person, StoredRow } from './cast.ts';
import { Page } from './page.ts';

/** What all pages have seen. */
export interface PagesReport {
  readonly pages: number;
  readonly live: number;
  /** Different views of operations. */
  readonly views: number;
  /** Events that have come. */
  readonly heard: number;
  readonly gaps: number;
  readonly regressions: readonly string[];
  readonly errors: readonly string[];
}

/** How what the pages show compares with the store. */
export interface Comparison {
  /** Operations on pages. */
  readonly compared: number;
  /** Some of them. */
  readonly differences: readonly string[];
  readonly different: number;
}

/** How the toasts compare with the store: those that say something else, and those of which there are several. */
export interface ToastCheck {
  readonly wrong: readonly string[];
  readonly repeated: readonly string[];
}

const PATIENCE_MS = 30_000;
const SHOWN_DIFFERENCES = 5;

const pages: Page[] = [];
/** Where connections go now, whatever address they were made for: the load balancer's word. */
let port: number | null = null;

globalThis.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    const routed = new URL(url);
    if (port !== null) routed.port = String(port);
    super(routed, protocols);
  }
};

async function open({ url, people }: { url: string; people: readonly Person[] }): Promise<number> {
  for (const person of people) {
    for (let tab = 0; tab < person.tabs; tab += 1) pages.push(new Page(url, person));
    // oxlint-disable-next-line no-await-in-loop -- not all in one turn
    await sleep(1);
  }
  await until(() => pages.every(({ isLive }) => isLive));
  return pages.length;
}

async function until(isSo: () => boolean): Promise<void> {
  const begin = performance.now();
  while (!isSo()) {
    if (performance.now() - begin > PATIENCE_MS) throw new Error('the pages do not come to it');
    // oxlint-disable-next-line no-await-in-loop -- looks again
    await sleep(20);
  }
}

function report(): PagesReport {
  const sum = (of: (page: Page) => number) => pages.reduce((total, page) => total + of(page), 0);
  return {
    pages: pages.length,
    live: pages.filter(({ isLive }) => isLive).length,
    views: sum(({ witness }) => witness.views),
    heard: sum(({ heard }) => heard),
    gaps: sum(({ gaps }) => gaps),
    regressions: pages.flatMap(({ witness }) => witness.regressions),
    errors: pages.flatMap(({ errors }) => errors),
  };
}

function compare({ rows }: { rows: readonly StoredRow[] }): Comparison {
  const differences = pages.flatMap((page) => [...page.differences(rows), ...page.strangers(rows)]);
  return {
    compared: pages.reduce((total, page) => total + page.count(rows), 0),
    differences: differences.slice(0, SHOWN_DIFFERENCES),
    different: differences.length,
  };
}

/** When each page first saw each of these attempts in a state; `null`: never. */
function since({ rows, state }: Awaited): (number | null)[] {
  return pages.flatMap((page) =>
    rows
      .filter((row) => page.client.operations.get(row.id))
      .map(({ id, attempt }) => page.witness.since({ id, attempt, state }) ?? null),
  );
}

interface Awaited {
  readonly rows: readonly StoredRow[];
  readonly state: Parameters<Page['witness']['since']>[0]['state'];
}

/** The buttons with this word on the toasts of these operations, wherever they are. */
function buttonsOf(id: string, word: string) {
  return pages.flatMap(({ screen }) =>
    screen.of(id).flatMap(({ action }) => (action?.label === word ? [action] : [])),
  );
}

/** Presses a button of each of these operations' toasts; gives the ids of those that have one. */
function press({ ids, word }: { ids: readonly string[]; word: string }): string[] {
  return ids.filter((id) => {
    const [button] = buttonsOf(id, word);
    button?.onClick();
    return button !== undefined;
  });
}

/** What the owners' pages tell of operations that have ended: once, on one of their tabs. */
function toasts({ rows }: { rows: readonly StoredRow[] }): ToastCheck {
  const check = { wrong: [] as string[], repeated: [] as string[] };
  for (const { id, tenant, owner, state } of rows) {
    const own = pages.filter(({ person }) => person.tenant === tenant && person.user === owner);
    if (own.length === 0 || !isTerminal(state as OperationState)) continue;
    const kinds = own.flatMap(({ screen }) => screen.of(id).map(({ kind }) => kind));
    const said = `${id} is ${state}, its toasts: ${kinds.join(', ') || 'none'}`;
    const isRight = kinds.length > 0 && kinds.every((kind) => kind === kindOf(state));
    if (!isRight) check.wrong.push(said);
    else if (kinds.length > 1) check.repeated.push(said);
  }
  return check;
}

function kindOf(state: string): string {
  if (state === 'succeeded') return 'success';
  return state === 'cancelled' ? 'cancelled' : 'error';
}

/**
 * Cancels an operation from a page of its owner, as often as that takes; gives what became of the wish,
 * `null`: the owner has no page here.
 */
async function cancel({ tenant, owner, id }: StoredRow): Promise<string | null> {
  const page = pages.find(({ person }) => person.tenant === tenant && person.user === owner);
  if (!page) return null;
  const begin = performance.now();
  while (performance.now() - begin < PATIENCE_MS) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- again when the connection broke
      return (await page.client.operations.cancel(id)).state;
    } catch (error) {
      const { code } = error as { code?: number };
      if (code !== undefined && code >= 400) return `refused ${code}`;
      // oxlint-disable-next-line no-await-in-loop -- a little later
      await sleep(100);
    }
  }
  return 'in vain';
}

answer({
  open,
  report,
  compare,
  since,
  press,
  toasts,
  cancel,
  /** Has anybody seen one of these operations like that? */
  sightings: ({ ids, states }: { ids: readonly string[]; states: readonly never[] }) =>
    pages.flatMap(({ person, witness }) =>
      ids
        .filter((id) => witness.hasSeen(id, states))
        .map(
          (id) =>
            `${person.user} of ${person.tenant} has seen ${id} as one of ${states.join(', ')}`,
        ),
    ),
  route: (to: { port: number }) => {
    ({ port } = to);
  },
});
