import { expect, test } from 'vitest';
import { type CompactLedgers, ReaderLedger, readersOf, SeenStreams } from './compact-ledger.ts';

const from = (epoch: string, offset: number) => ({
  position: { epoch, offset },
  wasRecovering: false,
  recovered: false,
});

/** What comes out on the other side of a process boundary. */
function sent(ledgers: CompactLedgers) {
  const parsed = JSON.parse(JSON.stringify(ledgers)) as CompactLedgers;
  return [...readersOf(parsed, (at) => at * 10)];
}

test('everything that a reader was told comes out again, in its order', () => {
  const seen = new SeenStreams();
  const ledger = new ReaderLedger('t.acme:a', seen);
  ledger.subscribed(from('e1', 3), 1);
  for (const offset of [4, 5, 6]) ledger.delivered({ id: `p${offset}`, tenantId: 'acme' }, offset);
  ledger.delivered({ id: 'volatile', tenantId: 'acme' }, 0);
  ledger.delivered({ id: 'p7', tenantId: 'acme' }, 7);
  ledger.subscribed(from('e2', 0), 2);
  ledger.delivered({ id: 'q1', tenantId: 'acme' }, 1);
  ledger.ended();
  const reader = { client: 'ada', channel: 't.acme:a', tenantId: 'acme', isLive: false };
  const { entries } = ledger;
  const [read] = sent({ streams: seen.all, readers: [{ ...reader, entries }] });
  const delivered = (id: string, epoch: string, offset: number) => {
    return { kind: 'delivered', id, tenantId: 'acme', position: { epoch, offset } };
  };
  expect(read).toEqual({
    ...reader,
    told: [
      { kind: 'subscribed', ...from('e1', 3), callsBefore: 10 },
      delivered('p4', 'e1', 4),
      delivered('p5', 'e1', 5),
      delivered('p6', 'e1', 6),
      { kind: 'delivered', id: 'volatile', tenantId: 'acme', position: null },
      delivered('p7', 'e1', 7),
      { kind: 'subscribed', ...from('e2', 0), callsBefore: 20 },
      delivered('q1', 'e2', 1),
      { kind: 'ended' },
    ],
  });
  expect(ledger.hasComeTo('q1')).toBe(true);
});

test('it has come to the last one when it has got it, or was told of a gap that ends there', () => {
  const ledger = new ReaderLedger('t.acme:a', new SeenStreams());
  ledger.subscribed(from('e1', 3), 1);
  ledger.delivered({ id: 'p4', tenantId: 'acme' }, 4);
  expect(ledger.hasComeTo({ id: 'p4', epoch: 'e1', offset: 4 })).toBe(true);
  expect(ledger.hasComeTo({ id: 'p5', epoch: 'e1', offset: 5 })).toBe(false);
  ledger.subscribed({ ...from('e2', 2), wasRecovering: true }, 2);
  expect(ledger.hasComeTo({ id: 'p5', epoch: 'e1', offset: 2 })).toBe(false);
  expect(ledger.hasComeTo({ id: 'q2', epoch: 'e2', offset: 2 })).toBe(true);
});

test('who is told something else of the same place keeps it', () => {
  const seen = new SeenStreams();
  const ids = [
    ['p1', 'p2', 'p3'],
    ['p1', 'an impostor', 'p3'],
    ['p1', 'p3', 'p2'],
  ];
  const readers = ids.map((told, index) => {
    const ledger = new ReaderLedger('t.acme:a', seen);
    ledger.subscribed(from('e1', 0), 0);
    for (const [n, id] of told.entries()) ledger.delivered({ id, tenantId: 'acme' }, n + 1);
    const { entries } = ledger;
    return { client: `${index}`, channel: 't.acme:a', tenantId: 'acme', isLive: true, entries };
  });
  const read = sent({ streams: seen.all, readers });
  expect(read.map(({ told }) => told.flatMap((each) => ('id' in each ? [each.id] : [])))).toEqual(
    ids,
  );
});

test('a thousand in a row need no more room than one', () => {
  const ledger = new ReaderLedger('t.acme:a', new SeenStreams());
  ledger.subscribed(from('e1', 0), 0);
  for (let n = 1; n <= 1_000; n += 1) ledger.delivered({ id: `p${n}`, tenantId: 'acme' }, n);
  expect(ledger.entries).toHaveLength(2);
});
