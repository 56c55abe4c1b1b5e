// A process that writes operations into a PGlite until it is killed, for pglite.kill.test.ts. It says what the
// database has acknowledged: nothing of that may be missing afterwards.
import { PGlite } from '@electric-sql/pglite';
import { fromPglite, type OperationPrincipal, Operations } from '@trunkline/operations';

const [directory = '', round = ''] = process.argv.slice(2);
const as: OperationPrincipal = {
  userId: 'anna',
  realm: { kind: 'tenant', tenantId: 'acme' },
  roles: [],
};

/** What was acknowledged: of an operation its number of updates, or that a row of the app's own is there. */
export interface Acknowledged {
  readonly id?: string;
  readonly seq?: number;
  readonly row?: number;
}

const tell = (acknowledged: Acknowledged) =>
  process.stdout.write(`${JSON.stringify(acknowledged)}\n`);

const pglite = await PGlite.create({ dataDir: directory });
const operations = await Operations.open({
  database: fromPglite(pglite),
  // an update is told when it is written
  publish: async ({ event: { data } }) => {
    tell({ id: data.operationId, ...(data.seq !== undefined && { seq: data.seq }) });
    return true;
  },
  log: { info: () => {}, warn: () => {}, error: () => {} },
});
await pglite.query('create table if not exists rows (round integer, number integer)');
tell({});

for (let number = 1; ; number += 1) {
  // oxlint-disable-next-line no-await-in-loop -- until it is killed
  await operations.run('import', { as }, async (op) => {
    await op.progress({ percentage: 50, stage: 'reading' });
    await pglite.query('insert into rows values ($1, $2)', [Number(round), number]);
    tell({ row: number });
  });
  // oxlint-disable-next-line no-await-in-loop
  await operations.start('export', { as, labels: { round, number: String(number) } }, () => number);
}
