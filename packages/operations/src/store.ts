import type { OperationAudience, Realm } from '@trunkline/contract';
import type { Queryable } from './database.ts';
import { toJson } from './json.ts';
import { type OperationPrincipal, realmColumns } from './principal.ts';
import { COLUMNS, COLUMNS_WITH_INPUT, type OperationRow, toRow } from './row.ts';

/** A new operation, as it is to be stored. */
export interface NewOperation {
  readonly id: string;
  readonly owner: OperationPrincipal;
  readonly type: string;
  readonly label: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'queued' | 'running';
  readonly maxAttempts: number;
  readonly input: unknown;
  readonly audience: OperationAudience;
  readonly refresh: readonly string[];
  readonly isDurable: boolean;
  /** Is its result neither kept nor told? */
  readonly isEphemeral: boolean;
  readonly isCancellable: boolean;
  readonly isRetryable: boolean;
  readonly idempotencyKey: string | null;
  readonly parentId: string | null;
  readonly workerId: string | null;
}

const ACTIVE = `('queued', 'running', 'cancelling')`;
const SAME_KEY =
  'realm = $1 and tenant_id = $2 and owner_id = $3 and type = $4 and idempotency_key = $5';

/** How many operations may be active at once; parts of one that is are not counted against it. */
export interface ActiveLimits {
  readonly perUser: number;
  readonly perRealm: number;
}

/** What must be so that an operation is stored. */
export interface Conditions extends ActiveLimits {
  /** That its worker has a lease: without one it would be taken from it at once. */
  readonly isLeaseNeeded: boolean;
}

/**
 * Stores an operation; `null`: one with its idempotency key is there already, there are too many, or its
 * worker has no lease. All in one statement, so that of two that come together one is the other.
 */
export async function insertOperation(
  database: Queryable,
  operation: NewOperation,
  { perUser, perRealm, isLeaseNeeded }: Conditions,
): Promise<OperationRow | null> {
  const { realm, tenantId } = realmColumns(operation.owner.realm);
  const audience = typeof operation.audience === 'object' ? 'roles' : operation.audience;
  const roles = typeof operation.audience === 'object' ? operation.audience.roles : [];
  const { rows } = await database.query(
    `insert into trunkline.operations
       (id, realm, tenant_id, owner_id, owner_roles, type, label, labels, state, max_attempts, input,
        audience, roles, refresh, is_durable, is_cancellable, is_retryable, idempotency_key, parent_id,
        worker_id, is_ephemeral, started_at)
     select $1, $2, $3, $4, $5::jsonb, $6, $7, $8::jsonb, $9::text::trunkline.operation_state,
        $10::integer, $11::jsonb, $12, $13::jsonb, $14::jsonb, $15::boolean, $16::boolean, $17::boolean,
        $18, $19, $20, $24::boolean, case when $9::text = 'running' then now() end
     from (select count(*) as of_realm, count(*) filter (where owner_id = $4) as of_user
       from trunkline.operations
       where realm = $2 and tenant_id = $3 and state in ${ACTIVE} and parent_id is null) as active
     where ($19::text is not null or (of_user < $21::integer and of_realm < $22::integer))
       and (not $23::boolean or exists (select from trunkline.workers where workers.id = $20::text))
     on conflict (realm, tenant_id, owner_id, type, idempotency_key) where idempotency_key is not null
       do nothing
     returning ${COLUMNS_WITH_INPUT}`,
    [
      operation.id,
      realm,
      tenantId,
      operation.owner.userId,
      toJson(operation.owner.roles),
      operation.type,
      operation.label,
      toJson(operation.labels),
      operation.state,
      operation.maxAttempts,
      toJson(operation.input),
      audience,
      toJson(roles),
      toJson(operation.refresh),
      operation.isDurable,
      operation.isCancellable,
      operation.isRetryable,
      operation.idempotencyKey,
      operation.parentId,
      operation.workerId,
      perUser,
      perRealm,
      isLeaseNeeded,
      operation.isEphemeral,
    ],
  );
  return firstRow(rows);
}

/** The operation that an idempotency key has started, and whether it got this input. */
export async function findByIdempotencyKey(
  database: Queryable,
  operation: NewOperation,
): Promise<{ row: OperationRow; isSameInput: boolean } | null> {
  const { rows } = await database.query(
    `select ${COLUMNS}, input is not distinct from $6::jsonb as is_same_input
     from trunkline.operations where ${SAME_KEY}`,
    [...keyOf(operation), toJson(operation.input)],
  );
  const [first] = rows as { is_same_input: boolean }[];
  return first ? { row: toRow(first), isSameInput: first.is_same_input } : null;
}

/** Lets go of a key whose operation has ended longer ago than the window. Says whether it did. */
export async function releaseIdempotencyKey(
  database: Queryable,
  operation: NewOperation,
  windowMs: number,
): Promise<boolean> {
  const { rows } = await database.query(
    `update trunkline.operations set idempotency_key = null
     where ${SAME_KEY} and finished_at < now() - ${interval('$6')}
     returning id`,
    [...keyOf(operation), windowMs],
  );
  return rows.length > 0;
}

/** How many operations of an owner, and of their realm, have not ended. */
export async function countActive(
  database: Queryable,
  owner: OperationPrincipal,
): Promise<{ ofUser: number; ofRealm: number }> {
  const { realm, tenantId } = realmColumns(owner.realm);
  const { rows } = await database.query(
    `select count(*)::integer as of_realm, (count(*) filter (where owner_id = $3))::integer as of_user
     from trunkline.operations
     where realm = $1 and tenant_id = $2 and state in ${ACTIVE} and parent_id is null`,
    [realm, tenantId, owner.userId],
  );
  const [{ of_user: ofUser, of_realm: ofRealm }] = rows as [{ of_user: number; of_realm: number }];
  return { ofUser, ofRealm };
}

/** An operation of a realm, by its id; without a realm: of any, for the engine's own use. */
export async function findOperation(
  database: Queryable,
  id: string,
  realm?: Realm,
): Promise<OperationRow | null> {
  const columns = realm && realmColumns(realm);
  const { rows } = await database.query(
    `select ${COLUMNS} from trunkline.operations
     where id = $1${columns ? ' and realm = $2 and tenant_id = $3' : ''}`,
    columns ? [id, columns.realm, columns.tenantId] : [id],
  );
  return firstRow(rows);
}

/** Notes that an owner has seen how operations of theirs have ended. */
export async function markSeen(
  database: Queryable,
  owner: Pick<OperationPrincipal, 'userId' | 'realm'>,
  ids: readonly string[],
): Promise<void> {
  const { realm, tenantId } = realmColumns(owner.realm);
  await database.query(
    `update trunkline.operations set seen_at = now()
     where id in (
       select id from trunkline.operations
       where realm = $1 and tenant_id = $2 and owner_id = $3 and seen_at is null and finished_at is not null
         and id in (select jsonb_array_elements_text($4::jsonb))
       -- in one order, so that two tabs do not wait for each other
       order by id for update)`,
    [realm, tenantId, owner.userId, toJson(ids)],
  );
}

/** Removes operations that ended longer ago; at most so many at once. Returns how many. */
export async function deleteEnded(
  database: Queryable,
  retentionMs: number,
  limit: number,
): Promise<number> {
  const { rows } = await database.query(
    `delete from trunkline.operations where id in (
       select id from trunkline.operations where finished_at < now() - ${interval('$1')}
       limit $2 for update skip locked)
     returning id`,
    [retentionMs, limit],
  );
  return rows.length;
}

/** What a worker runs that somebody wants to stop. */
export async function cancellingOf(
  database: Queryable,
  workerId: string,
): Promise<{ id: string; attempt: number }[]> {
  const { rows } = await database.query(
    `select id, attempt from trunkline.operations where worker_id = $1 and state = 'cancelling'`,
    [workerId],
  );
  return rows as { id: string; attempt: number }[];
}

function keyOf({ owner, type, idempotencyKey }: NewOperation): unknown[] {
  const { realm, tenantId } = realmColumns(owner.realm);
  return [realm, tenantId, owner.userId, type, idempotencyKey];
}

/** An SQL interval of so many milliseconds. */
export function interval(parameter: string): string {
  return `${parameter}::double precision * interval '1 millisecond'`;
}

/** The only row of a statement that returns `COLUMNS`; `null`: there is none. */
export function firstRow(rows: readonly unknown[]): OperationRow | null {
  return rows.length === 0 ? null : toRow(rows[0]);
}
