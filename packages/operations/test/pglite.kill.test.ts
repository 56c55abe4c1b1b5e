import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { fromPglite, Operations } from '@trunkline/operations';
import { expect, onTestFinished, test } from 'vitest';
import type { Acknowledged } from './pglite-child.ts';

const KILLS = process.env['TRUNKLINE_TIER'] === 'nightly' ? 50 : 5;
const program = fileURLToPath(new URL('./pglite-child.ts', import.meta.url));

/** What the process of one round has been told is stored. */
interface Round {
  readonly round: number;
  readonly seqs: Map<string, number>;
  rows: number;
}

test(`${KILLS} kills while it writes lose nothing that was acknowledged`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-kill-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const data = join(directory, 'data');
  const rounds: Round[] = [];
  for (let round = 1; round <= KILLS; round += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one process after the other
    rounds.push(await killedRound(data, round));
  }
  const seqs = new Map(rounds.flatMap((round) => [...round.seqs]));
  const rows = rounds.reduce((sum, round) => sum + round.rows, 0);

  const pglite = await PGlite.create({ dataDir: data });
  onTestFinished(() => pglite.close());
  const stored = await pglite.query<{ id: string; seq: number }>(
    'select id, seq from trunkline.operations',
  );
  const found = new Map(stored.rows.map(({ id, seq }) => [id, seq]));
  const lost = [...seqs].filter(([id, seq]) => (found.get(id) ?? 0) < seq);
  for (const round of rounds) {
    // oxlint-disable-next-line no-await-in-loop
    const { rows: counted } = await pglite.query<{ count: number }>(
      'select count(*)::integer as count from rows where round = $1 and number <= $2',
      [round.round, round.rows],
    );
    expect(counted).toEqual([{ count: round.rows }]);
  }
  console.log(
    `${KILLS} kills: ${seqs.size} operations with ${[...seqs.values()].reduce((sum, seq) => sum + seq, 0)} updates and ${rows} rows acknowledged, ${lost.length} lost`,
  );
  expect(lost).toEqual([]);
  expect(seqs.size).toBeGreaterThan(KILLS);

  const operations = await Operations.open({
    database: fromPglite(pglite),
    publish: () => Promise.resolve(true),
  });
  const as = {
    userId: 'anna',
    realm: { kind: 'tenant', tenantId: 'acme' },
    roles: [],
  } as const;
  expect((await operations.list({ state: 'active' }, { as })).operations).toEqual([]);
  await operations.close();
}, 600_000);

/** Lets a process write, kills it at some moment, and says what it was told is stored. */
async function killedRound(data: string, round: number): Promise<Round> {
  const child = spawn(
    process.execPath,
    ['--conditions=@trunkline/source', program, data, String(round)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const told: Round = { round, seqs: new Map(), rows: 0 };
  const begun = Promise.withResolvers<void>();
  const read = readAll(child, ({ id, seq, row }) => {
    begun.resolve();
    if (row !== undefined) told.rows = row;
    if (id !== undefined && seq !== undefined) told.seqs.set(id, seq);
  });
  await Promise.race([begun.promise, read]);
  await sleep(50 + Math.random() * 700);
  child.kill('SIGKILL');
  await read;
  expect(child.signalCode).toBe('SIGKILL');
  return told;
}

/** Resolves when the process has ended, and all is read that it had written. */
async function readAll(
  child: ChildProcess,
  onLine: (acknowledged: Acknowledged) => void,
): Promise<void> {
  const closed = once(child, 'close');
  if (!child.stdout) throw new Error('The child has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    // the last line may have been cut
    if (line.endsWith('}')) onLine(JSON.parse(line) as Acknowledged);
  }
  await closed;
}
