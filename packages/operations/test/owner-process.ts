// A process of its own that runs operations until it is killed, for postgres.crash.test.ts.
import { fromPg, type OperationPrincipal, Operations } from '@trunkline/operations';
import { Pool } from 'pg';

/** What it runs. */
export interface OwnerProcessOptions {
  readonly url: string;
  readonly as: OperationPrincipal;
  readonly count: number;
  readonly leaseMs: number;
}

const { url, as, count, leaseMs } = JSON.parse(process.argv[2] ?? '') as OwnerProcessOptions;
const operations = await Operations.open({
  database: fromPg(new Pool({ connectionString: url })),
  publish: () => Promise.resolve(true),
  log: { info: () => {}, warn: () => {}, error: () => {} },
  limits: { leaseMs },
});
const starting = Array.from({ length: count }, () =>
  operations.start('import', { as }, async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    process.send?.({ aborted: (signal.reason as { code: string }).code });
    throw signal.reason;
  }),
);
process.send?.({ ids: (await Promise.all(starting)).map(({ id }) => id) });
