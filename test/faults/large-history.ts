import type { Published } from '../../packages/server/test/model/ledger.ts';
import { type CompactLedgers, ReaderLedger, readersOf, SeenStreams } from './compact-ledger.ts';
import type { Ledgers } from './ledgers.ts';

/** How large. */
export interface HistorySize {
  readonly channels: number;
  readonly readersPerChannel: number;
  readonly publications: number;
}

const TENANTS = ['acme', 'globex'];
const PUBLISHERS = ['n0', 'n1', 'n2'];
/** Each reader loses its place so often, in turn to a recovery and to a gap. */
const BREAKS = 10;
const MISSED = 3;

/** Ledgers of a run as large as the lab's in which nothing went wrong. */
export function largeLedgers({ channels, readersPerChannel, publications }: HistorySize): Ledgers {
  const published: Published[] = [];
  const seen = new SeenStreams();
  const compact: CompactLedgers = { streams: seen.all, readers: [] };
  const readers = [...compact.readers];
  for (let c = 0; c < channels; c += 1) {
    const tenantId = TENANTS[c % TENANTS.length] ?? '';
    const channel = `t.${tenantId}:c:room:${c}`;
    const own = Array.from({ length: publications }, (_, n) => publishedAs(channel, tenantId, n));
    published.push(...own);
    for (let r = 0; r < readersPerChannel; r += 1) {
      const { entries } = readAll(new ReaderLedger(channel, seen), own, r);
      readers.push({ client: `reader ${r}`, channel, tenantId, isLive: true, entries });
    }
  }
  published.sort((a, b) => (a.calledAt ?? 0) - (b.calledAt ?? 0));
  return {
    tenantIds: TENANTS,
    published,
    compact: [{ ...compact, readers }],
    readers: () => readersOf({ ...compact, readers }, () => 0),
  };
}

function publishedAs(channel: string, tenantId: string, n: number): Published {
  return {
    id: `${channel}.${n}`,
    channel,
    tenantId,
    publisher: PUBLISHERS[n % PUBLISHERS.length] ?? '',
    calledAt: n,
    settledAt: n + 0.5,
    outcome: 'accepted',
    position: { epoch: 'epoch', offset: n + 1 },
  };
}

function readAll(
  ledger: ReaderLedger,
  published: readonly Published[],
  reader: number,
): ReaderLedger {
  const every = Math.floor(published.length / BREAKS);
  let missing = 0;
  subscribe(ledger, 0, 'new');
  for (const [n, { id, tenantId }] of published.entries()) {
    if (missing > 0) {
      missing -= 1;
      if (missing === 0) subscribe(ledger, n + 1, 'gap');
      continue;
    }
    const turn = Math.floor((n + reader) / every);
    const isBreak = n > 0 && n < published.length - 2 * MISSED && (n + reader) % every === 0;
    if (isBreak && turn % 2 === 0) subscribe(ledger, n, 'recovered');
    ledger.delivered({ id, tenantId }, n + 1);
    if (isBreak && turn % 2 === 1) missing = MISSED;
  }
  return ledger;
}

function subscribe(ledger: ReaderLedger, offset: number, how: 'new' | 'gap' | 'recovered'): void {
  ledger.subscribed(
    {
      position: { epoch: 'epoch', offset },
      wasRecovering: how !== 'new',
      recovered: how === 'recovered',
    },
    0,
  );
}
