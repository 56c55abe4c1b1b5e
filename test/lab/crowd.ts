// Many stock clients in one process: they come, stay, are cut or closed, and come back.
import { setTimeout as sleep } from 'node:timers/promises';
import { answer } from './child.ts';
import { quantile } from './stall-meter.ts';
import { StockClient } from './stock-client.ts';

/** Who they are. */
export interface CrowdOptions {
  readonly url: string;
  readonly count: number;
  /** The n-th client is of `tenant0`, `tenant1`, … in turn. */
  readonly tenant: string;
  readonly tenants: number;
  readonly perSecond: number;
  /** Each says that it has an address of its own: for a server that trusts this machine as a proxy. */
  readonly isBehindProxy: boolean;
}

/** How they are since the last look. */
export interface CrowdReport {
  readonly connected: number;
  /** What they were told: statuses, closes, giving up. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly recovered: number;
  /** Came back and were told that they miss something. */
  readonly gaps: number;
  readonly deliveries: number;
  /** Missing without having been told. */
  readonly lost: number;
  readonly repeated: number;
  readonly p99Ms: number;
}

const clients: StockClient[] = [];
const outcomes: Record<string, number> = {};
const last = new Map<StockClient, Map<string, number>>();
const latencies: number[] = [];
let recovered = 0;
let gaps = 0;
let lost = 0;
let repeated = 0;

async function open(options: CrowdOptions): Promise<void> {
  for (let n = 0; n < options.count; n += 1) {
    const client = newClient(options, n);
    clients.push(client);
    client.connect();
    if (n % 10 === 9) await sleep(10_000 / options.perSecond);
  }
  while (!clients.every(({ isConnected }) => isConnected)) await sleep(20);
}

function newClient({ url, tenant, tenants, isBehindProxy }: CrowdOptions, n: number): StockClient {
  const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  const index = Math.floor(n / tenants);
  return new StockClient({
    url,
    token: `${tenant}${n % tenants}/u${index}`,
    ...(isBehindProxy ? { headers: `X-Forwarded-For: ${address}\r\n` } : {}),
    onOutcome: (outcome) => {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    },
    onConnected: entered,
    onPublication: (channel, data, client) => heard(client, channel, data),
  });
}

function entered(client: StockClient, isRecovered: boolean): void {
  const streams = last.get(client);
  if (!streams) {
    last.set(client, new Map());
    return;
  }
  if (isRecovered) recovered += 1;
  else gaps += 1;
  if (!isRecovered) streams.clear(); // it was told: what comes next begins anew
}

function heard(client: StockClient, channel: string, data: unknown): void {
  const { n, at } = data as { n: number; at: number };
  latencies.push(performance.timeOrigin + performance.now() - at);
  const streams = last.get(client);
  const before = streams?.get(channel) ?? n - 1;
  streams?.set(channel, Math.max(n, before));
  if (n > before + 1) lost += n - before - 1;
  if (n <= before) repeated += 1;
}

function look(): CrowdReport {
  const sorted = latencies.splice(0).toSorted((a, b) => a - b);
  const report: CrowdReport = {
    connected: clients.filter(({ isConnected }) => isConnected).length,
    outcomes: { ...outcomes },
    recovered,
    gaps,
    deliveries: sorted.length,
    lost,
    repeated,
    p99Ms: quantile(sorted, 0.99),
  };
  for (const outcome of Object.keys(outcomes)) delete outcomes[outcome];
  recovered = 0;
  gaps = 0;
  lost = 0;
  repeated = 0;
  return report;
}

answer({
  open,
  look,
  connected: () => clients.filter(({ isConnected }) => isConnected).length,
  /** From now on they come back there. */
  move: ({ url }: { url: string }) => {
    for (const client of clients) client.url = url;
  },
  /** The first of them reads no more. */
  pause: () => clients[0]?.pause(),
  /** All connections are lost at once. */
  cut: () => {
    for (const client of clients) client.cut();
  },
});
