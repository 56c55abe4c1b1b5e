import { type PostgresServer, startPostgres } from '../../services/postgres.ts';
import { createDatabase } from '../../services/postgres-database.ts';
import { TemporaryFolder } from '../../services/temporary-folder.ts';
import type { Section } from '../report.ts';
import type { Effort } from '../siege.ts';
import { type CrashPlan, crash } from './crash.ts';
import { crashSection, type NamedCrash } from './crash-report.ts';
import { type FlappingPlan, flapping } from './flapping.ts';
import { flappingSection, type NamedFlapping } from './flapping-report.ts';
import { type Outage, type OutageStory, outage } from './outage.ts';
import { outageSection } from './outage-report.ts';
import type { Ground } from './store.ts';

/** A server with operations is killed: alone on Postgres, beside another one, alone on PGlite. */
export async function operationsCrash({ scale, seed }: Effort): Promise<Section> {
  const isSmall = scale < 1;
  const plan: Omit<CrashPlan, 'ground' | 'heir'> = {
    operations: isSmall ? 20 : 100,
    owners: isSmall ? 5 : 25,
    hasDurable: true,
    steps: 100,
    stepMs: isSmall ? 50 : 200,
    ...(isSmall ? { leaseMs: 3000 } : {}),
    cores: 'own',
    seed,
  };
  const crashes: NamedCrash[] = [];
  const add = async (name: string, where: Pick<CrashPlan, 'ground' | 'heir'>) => {
    crashes.push({ name, story: await crash({ ...plan, ...where }) });
  };
  const missing = await withPostgres(async (postgres) => {
    await add('the only server, started again at once; Postgres', {
      ground: await newGround(postgres),
      heir: 'itself',
    });
    await add('one of two servers; Postgres', {
      ground: await newGround(postgres),
      heir: 'another',
    });
  });
  await withFolder(async (folder) => {
    const ground: Ground = { kind: 'pglite', folder };
    await add('the only server, started again at once; PGlite', { ground, heir: 'itself' });
  });
  return withMisses(crashSection(crashes), missing);
}

/** Many operations, told to many pages that lose their connections all the time. */
export async function operationsFlapping({ scale, seed }: Effort): Promise<Section> {
  const isSmall = scale < 1;
  const plan: Omit<FlappingPlan, 'ground'> = {
    tenants: isSmall ? 5 : 10,
    users: isSmall ? 10 : 50,
    operations: isSmall ? 50 : 500,
    sharedOf: 20,
    steps: 100,
    stepMs: isSmall ? 100 : 600,
    cancels: isSmall ? 5 : 50,
    breaks: { fromMs: 200, toMs: 3000 },
    processes: 2,
    cores: 'own',
    seed,
  };
  const runs: NamedFlapping[] = [];
  const missing = await withPostgres(async (postgres) => {
    const add = async (name: string, changes: Partial<FlappingPlan>) => {
      const ground = await newGround(postgres);
      runs.push({ name, story: await flapping({ ...plan, ground, ...changes }) });
    };
    await add('an event of each every 0.6 s', {});
    await add('five times as fast', { stepMs: plan.stepMs / 5 });
    await add('a history of 1 publication, so that pages miss some', { history: 1 });
  });
  return withMisses(flappingSection(runs), missing);
}

/** The broker, then the database is away in the middle of `operations.run`. */
export async function operationsOutage({ scale }: Effort): Promise<Section> {
  const isSmall = scale < 1;
  const each = isSmall ? 2 : 10;
  const outages: readonly (readonly [Outage, awayMs: number])[] = [
    ['broker rejects', 6000],
    ['broker hangs', 6000],
    ['database crashes', 0],
    ['database refuses', 10_000],
    ['database frozen', 15_000],
  ];
  const stories: OutageStory[] = [];
  const missing = await withPostgres(async (postgres) => {
    for (const [kind, awayMs] of outages) {
      const plan = { postgres, each, awayMs, steps: 20, stepMs: 150, cores: 'own' } as const;
      // oxlint-disable-next-line no-await-in-loop -- one outage after the other
      stories.push(await outage({ outage: kind, ...plan }));
    }
  });
  return withMisses(outageSection(stories), missing);
}

/** Plays on a Postgres; where there is none, gives the reason. */
async function withPostgres(
  play: (postgres: PostgresServer) => Promise<void>,
): Promise<readonly string[]> {
  const postgres = await startPostgres();
  if ('missing' in postgres) return [postgres.missing];
  try {
    await play(postgres);
    return [];
  } finally {
    await postgres.stop();
  }
}

function withMisses(section: Section, misses: readonly string[]): Section {
  return { ...section, misses: [...misses, ...section.misses] };
}

async function newGround(postgres: PostgresServer): Promise<Ground> {
  const { url } = await createDatabase(postgres.url);
  return { kind: 'postgres', url };
}

async function withFolder(play: (path: string) => Promise<void>): Promise<void> {
  const folder = await TemporaryFolder.make('pglite');
  try {
    await play(`${folder.path}/data`);
  } finally {
    await folder.remove();
  }
}
