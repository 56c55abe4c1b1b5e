import type { PGlite } from '@electric-sql/pglite';
import type {
  Database,
  OperationMessage,
  OperationPrincipal,
  Queryable,
} from '@trunkline/operations';

/** A database with operations in it, as the behaviour suite sees it. */
export interface TestStore {
  readonly name: 'PGlite' | 'Postgres';
  readonly database: Database;
  /** A transaction of the app's own; rolled back when `work` rejects. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** The same through Drizzle. */
  drizzle<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** What a suite is run with: asked for inside tests only, because it is opened before them. */
export type StoreOf = () => TestStore;

/** The rows of a statement past everything that the engine allows. */
export async function sql<Row = Record<string, unknown>>(
  { database }: Pick<TestStore, 'database'>,
  text: string,
  parameters: unknown[] = [],
): Promise<Row[]> {
  const { rows } = await database.query(text, parameters);
  return rows as Row[];
}

let users = 0;

/** Somebody of a tenant that no other test has. */
export function newUser(...roles: string[]): OperationPrincipal {
  users += 1;
  const realm = { kind: 'tenant', tenantId: `tenant-${process.pid}-${users}` } as const;
  return { userId: 'anna', realm, roles };
}

/** Their tenant's id. */
export function tenantOf({ realm }: OperationPrincipal): string {
  return realm.kind === 'tenant' ? realm.tenantId : '';
}

/** Does a message say something of an operation of theirs? */
export function isOf(user: OperationPrincipal): (message: OperationMessage) => boolean {
  return ({ ownerId, realm }) =>
    ownerId === user.userId && realm.kind === 'tenant' && realm.tenantId === tenantOf(user);
}

/** Somebody else of the same tenant. */
export function colleagueOf(
  user: OperationPrincipal,
  userId: string,
  ...roles: string[]
): OperationPrincipal {
  return { ...user, userId, roles };
}

/** A PGlite in memory, which takes two seconds to begin: one a file. */
export async function newPglite(): Promise<PGlite> {
  const { PGlite: Class } = await import('@electric-sql/pglite');
  return await Class.create();
}
