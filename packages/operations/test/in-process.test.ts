import type { PGlite } from '@electric-sql/pglite';
import { fromPglite } from '@trunkline/operations';
import { afterAll, beforeAll, describe } from 'vitest';
import { type RunnerUnderTest, storeOf } from './runner-under-test.ts';
import { newPglite } from './store.ts';
import { describeCrash } from './suite/crash.ts';
import { describeJobAttempts } from './suite/job-attempts.ts';
import { describeWork } from './suite/work.ts';

let pglite: PGlite;
let underTest: RunnerUnderTest;

beforeAll(async () => {
  pglite = await newPglite();
  underTest = { store: storeOf(fromPglite(pglite)), runner: () => undefined };
});
afterAll(() => pglite.close());

describe('work in the process that has started it', () => {
  describeWork(() => underTest);
  describeCrash(() => underTest);
});

describe('the attempts of a job', () => {
  describeJobAttempts(() => underTest);
});
