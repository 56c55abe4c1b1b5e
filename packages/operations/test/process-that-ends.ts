// A server of its own that runs one operation, for a test to kill or to freeze: see suite/process-ends.ts.
import { defineOperation, fromPg, Operations } from '@trunkline/operations';
import { bullmqRunner } from '@trunkline/operations/bullmq';
import { pgBossRunner } from '@trunkline/operations/pg-boss';
import { Pool } from 'pg';
import { ControlledWork } from './controlled-work.ts';
import type { ProcessOptions } from './suite/process-ends.ts';

const options = JSON.parse(process.argv[2] ?? '') as ProcessOptions;
const { connectionString, redis, type, as, limits } = options;
const log = { info: () => {}, warn: () => {}, error: () => {} };
const work = new ControlledWork();
const operations = await Operations.open({
  database: fromPg(new Pool({ connectionString })),
  runner: redis
    ? bullmqRunner({ connection: { url: redis.url }, prefix: redis.prefix, log })
    : pgBossRunner({ connectionString, log }),
  publish: () => Promise.resolve(true),
  ...{ limits, log },
});
operations.handle(defineOperation(type), work.work);
const { id } = await operations.start(type, { as, durable: true });
const { signal } = await work.begun;
process.send?.({ begun: id });
await new Promise((resolve) => signal.addEventListener('abort', resolve));
work.succeed('of the process that was frozen');
await operations.close({ graceMs: 1000 });
const { code } = signal.reason as { code: string };
process.send?.({ aborted: code });
process.exit();
