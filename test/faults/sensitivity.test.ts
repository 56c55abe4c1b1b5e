import { expect, test } from 'vitest';
import { check, type Invariant } from '../../packages/server/test/model/checker.ts';
import { markerOf, type Published, type Reader } from '../../packages/server/test/model/ledger.ts';
import { seeded } from '../../packages/server/test/seeded.ts';
import { largeLedgers } from './large-history.ts';
import { byInvariant } from './verdict.ts';

// Before anything is believed of the lab: would it notice? One defect in a run as large as the lab's.

const ledgers = largeLedgers({ channels: 20, readersPerChannel: 20, publications: 500 });
const SEED = 7;

type Told = Reader['told'];

/** A defect in what one reader in the middle is told, at a place that the seed chooses. */
interface Defect {
  readonly name: string;
  readonly invariant: Invariant;
  readonly spoil: (told: Told, random: () => number) => Told;
}

const isDelivered = (told: Told[number] | undefined) => told?.kind === 'delivered';

/** Some place between two deliveries of one segment. */
function anyPlace(told: Told, random: () => number): number {
  for (;;) {
    const at = 1 + Math.floor(random() * (told.length - 3));
    if ([at - 1, at, at + 1].every((each) => isDelivered(told[each]))) return at;
  }
}

function changed(told: Told, at: number, changes: object): Told {
  return told.with(at, { ...told[at], ...changes });
}

const defects: readonly Defect[] = [
  {
    name: 'one in 10,000 is dropped',
    invariant: 'I3',
    spoil: (told, random) => told.toSpliced(anyPlace(told, random), 1),
  },
  {
    name: 'two are swapped',
    invariant: 'I2',
    spoil: (told, random) => {
      const at = anyPlace(told, random);
      return told.toSpliced(at, 2, ...told.slice(at, at + 2).toReversed());
    },
  },
  {
    name: 'one comes twice',
    invariant: 'I4',
    spoil: (told, random) => {
      const at = anyPlace(told, random);
      return told.toSpliced(at, 0, ...told.slice(at, at + 1));
    },
  },
  {
    name: "one of another tenant's comes",
    invariant: 'I6',
    spoil: (told, random) => changed(told, anyPlace(told, random), { tenantId: 'initech' }),
  },
  {
    name: 'an offset is used again',
    invariant: 'I1',
    spoil: (told, random) => changed(told, anyPlace(told, random), { id: 'another' }),
  },
  {
    name: 'a gap signal is forgotten',
    invariant: 'I3',
    spoil: (told) => told.toSpliced(gapIn(told), 1),
  },
  {
    name: 'a gap signal says that all was recovered',
    invariant: 'I2',
    spoil: (told) => changed(told, gapIn(told), { recovered: true }),
  },
  {
    name: 'the last one never comes',
    invariant: 'I7',
    spoil: (told) => told.slice(0, -1),
  },
];

function gapIn(told: Told): number {
  return told.findIndex(
    (each) => each.kind === 'subscribed' && each.wasRecovering && !each.recovered,
  );
}

function* spoiled({ spoil }: Defect, victim: number): Generator<Reader> {
  let n = 0;
  for (const reader of ledgers.readers()) {
    const isVictim = n === victim;
    n += 1;
    yield isVictim ? { ...reader, told: spoil(reader.told, seeded(SEED)) } : reader;
  }
}

function judged(readers: Iterable<Reader>, published = ledgers.published) {
  const { tenantIds } = ledgers;
  return byInvariant(check({ tenantIds, published, readers, losesUnkept: false, frames: [] }));
}

test('a run without a fault has no violation, and a million deliveries are judged in seconds', () => {
  const large = largeLedgers({ channels: 20, readersPerChannel: 50, publications: 1_000 });
  let deliveries = 0;
  const counted = function* (): Generator<Reader> {
    for (const reader of large.readers()) {
      deliveries += reader.told.filter(isDelivered).length;
      yield reader;
    }
  };
  const begin = process.cpuUsage();
  expect(judged(counted(), large.published)).toEqual({});
  expect(deliveries).toBeGreaterThan(950_000);
  const { user } = process.cpuUsage(begin);
  // Of the CPU: the machine may be busy.
  expect(user / 1e6).toBeLessThan(10);
});

test.each(defects)('$name, once among 200,000 deliveries: $invariant', (defect) => {
  expect(judged(ledgers.readers())).toEqual({});
  expect(Object.keys(judged(spoiled(defect, 123)))).toContain(defect.invariant);
});

test('the order of two calls is inverted, once among 10,000: P1', () => {
  const { published } = ledgers;
  const [first] = published.filter(({ channel }) => channel.endsWith('room:3')).slice(100);
  const next = published.find(
    ({ channel, publisher, calledAt = 0 }) =>
      channel === first?.channel &&
      publisher === first.publisher &&
      calledAt > (first.calledAt ?? 0),
  );
  const swapped = published.map((each): Published => {
    if (each === first && next) return { ...each, position: next.position };
    return each === next && first ? { ...each, position: first.position } : each;
  });
  expect(Object.keys(judged([], swapped))).toEqual(['P1']);
});

test("another tenant's text is in one frame: I6", () => {
  const frames = [{ client: 'reader', tenantId: 'acme', text: `{"of":"${markerOf('globex')}"}` }];
  const { tenantIds, published } = ledgers;
  const found = check({ tenantIds, published, readers: [], losesUnkept: false, frames });
  expect(byInvariant(found)).toEqual({ I6: 1 });
});
