// Many clients in one process, with a ledger of everything that each of them is told.
import { setTimeout as sleep } from 'node:timers/promises';
import { markerOf } from '../../packages/server/test/model/ledger.ts';
import { seeded } from '../../packages/server/test/seeded.ts';
import { answer } from '../lab/child.ts';
import type { LastWord } from './audience.ts';
import { type CompactLedgers, SeenStreams } from './compact-ledger.ts';
import { type Person, tokenOf } from './person.ts';
import { RawClient, type RawClientOptions } from './raw-client.ts';
import { Counters, Recorder } from './recorder.ts';
import { StockClient } from './stock-client.ts';

/** Who they are. */
export interface CrowdOptions {
  /** `stock`: the `centrifuge` package. `raw`: small, so that thousands fit into a process. */
  readonly make: 'stock' | 'raw';
  readonly count: number;
  /** Where they connect: the n-th begins at the n-th, and goes to the next one each time. */
  readonly urls: readonly string[];
  /** Each url is all that its client ever uses, instead. */
  readonly staysAtUrl?: boolean;
  /** The n-th is of the n-th, and so on in turn. */
  readonly tenantIds: readonly string[];
  readonly role?: string;
  /** The rooms that the n-th asks for, and so on in turn. Default: none. */
  readonly rooms?: readonly (readonly string[])[];
  /** How many come each second. Default 500. */
  readonly perSecond?: number;
  /** Number of the first: of its name, and its user. Default 0. */
  readonly first?: number;
  readonly seed?: number;
  /** Each says that it comes from an address of its own: for a server that trusts this machine as a proxy. */
  readonly isBehindProxy?: boolean;
}

const PATIENCE_MS = 60_000;
const clients: (RawClient | StockClient)[] = [];
const recorders: Recorder[] = [];
const seen = new SeenStreams();
const counters = new Counters();

async function open(options: CrowdOptions): Promise<void> {
  const { count, perSecond = 500 } = options;
  const begin = performance.now();
  for (let n = 0; n < count; n += 1) {
    add(options, n);
    const aheadMs = (1_000 * n) / perSecond - (performance.now() - begin);
    if (aheadMs > 5) await sleep(aheadMs);
  }
  while (!recorders.every(({ isThere }) => isThere)) {
    if (performance.now() - begin > PATIENCE_MS + (1_000 * count) / perSecond) {
      throw new Error(`${there()} of ${count} came: ${JSON.stringify(counters.outcomes)}`);
    }
    await sleep(20);
  }
}

function add(options: CrowdOptions, n: number): void {
  const { make, urls, tenantIds, role, rooms = [[]], first = 0, seed = 1 } = options;
  const index = first + n;
  const person: Person = {
    tenantId: tenantIds[n % tenantIds.length] ?? '',
    userId: `u${Math.floor(index / tenantIds.length)}`,
    ...(role === undefined ? {} : { role }),
  };
  const asked = rooms[n % rooms.length] ?? [];
  const roles = role === undefined ? [] : [`@role:${role}`];
  const recorder = new Recorder({
    name: `${make} ${index}`,
    person,
    wires: ['@user', '@all', ...roles, ...asked],
    foreign: tenantIds.filter((id) => id !== person.tenantId).map(markerOf),
    seen,
    counters,
  });
  const own: RawClientOptions = {
    urls: options.staysAtUrl ? [urls[n % urls.length] ?? ''] : urls,
    token: tokenOf(person),
    rooms: asked,
    listener: recorder,
    random: seeded(seed + index),
    ...(options.isBehindProxy ? { headers: `X-Forwarded-For: ${addressOf(index)}\r\n` } : {}),
  };
  const client = make === 'raw' ? new RawClient(own, n) : new StockClient(own, n);
  recorders.push(recorder);
  clients.push(client);
  client.connect();
}

function addressOf(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

/** How many are connected and in all their channels. */
function there(): number {
  return recorders.filter(({ isThere }) => isThere).length;
}

/** Which ones: from, and how many. */
interface Some {
  readonly from: number;
  readonly count: number;
}

const some = ({ from, count }: Some) => clients.slice(from, from + count);

answer({
  open,
  there,
  look: () => counters.take(),
  behind: (lastWords: Readonly<Record<string, LastWord>>) =>
    recorders.filter((recorder) => recorder.isBehind(lastWords)).length,
  ledgers: (): CompactLedgers => ({
    streams: seen.all,
    readers: recorders.flatMap((recorder) => recorder.readers()),
  }),
  /** From now on they come back there. */
  move: ({ urls }: { urls: readonly string[] }) => {
    for (const client of clients) client.urls = urls;
  },
  cut: (which: Some) => {
    for (const client of some(which)) client.cut();
  },
  pause: (which: Some) => {
    for (const client of some(which)) client.pause();
  },
  resume: (which: Some) => {
    for (const client of some(which)) client.resume();
  },
  leave: () => {
    for (const client of clients) client.disconnect();
  },
});
