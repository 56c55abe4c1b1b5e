// The people beside an attack: fifty clients that hear a steady stream, and newcomers.
import { CALM } from './calm.ts';
import { answer } from './child.ts';
import { quantile } from './stall-meter.ts';
import { StockClient } from './stock-client.ts';

/** What the healthy felt since the last look. */
export interface Felt {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly deliveries: number;
  readonly lost: number;
  /** Came twice, or not in order. */
  readonly repeated: number;
  readonly disconnects: number;
  /** How long each newcomer of this time took to be in, at worst; one still waiting counts. */
  readonly newcomerMs: number;
  /** What newcomers were refused with. */
  readonly refusals: Readonly<Record<string, number>>;
}

const NEWCOMER_EVERY_MS = 400;

const latencies: number[] = [];
const last = new Map<StockClient, number>();
const refusals: Record<string, number> = {};
const waiting = new Set<number>();
let newcomerMs = 0;
let lost = 0;
let repeated = 0;
let disconnects = 0;

async function start({ url, count }: { url: string; count: number }): Promise<void> {
  const clients = Array.from({ length: count }, (_, n) => hearer(url, `${CALM}/u${n}`));
  for (const client of clients) client.connect();
  while (!clients.every(({ isConnected }) => isConnected)) await tick(20);
  setInterval(() => newcomer(url), NEWCOMER_EVERY_MS);
}

function hearer(url: string, token: string): StockClient {
  return new StockClient({
    url,
    token,
    onPublication: (_channel, data, client) => heard(client, data as { n: number; at: number }),
    onOutcome: (outcome) => {
      if (outcome.startsWith('closed') || outcome === 'cut') disconnects += 1;
    },
  });
}

function heard(client: StockClient, { n, at }: { n: number; at: number }): void {
  latencies.push(performance.timeOrigin + performance.now() - at);
  const before = last.get(client) ?? n - 1;
  last.set(client, Math.max(n, before));
  if (n > before + 1) lost += n - before - 1;
  if (n <= before) repeated += 1;
}

/** Somebody opens the page: how long until it is connected? */
function newcomer(url: string): void {
  const begin = performance.now();
  waiting.add(begin);
  const client = new StockClient({
    url,
    token: `${CALM}/new`,
    onOutcome: (outcome) => {
      if (outcome !== '101') refusals[outcome] = (refusals[outcome] ?? 0) + 1;
    },
    onConnected: () => {
      waiting.delete(begin);
      newcomerMs = Math.max(newcomerMs, performance.now() - begin);
      client.stop();
    },
  });
  client.connect();
}

function look(): Felt {
  const sorted = latencies.splice(0).toSorted((a, b) => a - b);
  const now = performance.now();
  const felt: Felt = {
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? 0,
    deliveries: sorted.length,
    lost,
    repeated,
    disconnects,
    newcomerMs: Math.max(newcomerMs, ...[...waiting].map((begin) => now - begin)),
    refusals: { ...refusals },
  };
  lost = 0;
  repeated = 0;
  disconnects = 0;
  newcomerMs = 0;
  for (const refusal of Object.keys(refusals)) delete refusals[refusal];
  return felt;
}

async function tick(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

answer({ start, look });
