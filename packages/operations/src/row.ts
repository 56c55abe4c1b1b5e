import {
  isTerminal,
  type OperationAudience,
  type OperationFailure,
  type OperationSnapshot,
  type OperationState,
  type Realm,
} from '@trunkline/contract';
import { type OperationPrincipal, realmOfColumns } from './principal.ts';

/** An operation as the database has it, with what no snapshot tells. */
export interface OperationRow {
  readonly snapshot: OperationSnapshot;
  readonly realm: Realm;
  readonly owner: OperationPrincipal;
  /** Of a row that was read to be run. */
  readonly input: unknown;
  /** Is its result neither kept nor told? */
  readonly isEphemeral: boolean;
  readonly refresh: readonly string[];
  readonly workerId: string | null;
}

/** What a statement returns for `toRow`. Times in milliseconds, because every driver reads numbers alike. */
export const COLUMNS: string = `
  id, realm, tenant_id, owner_id, owner_roles, type, label, labels, state::text as state, seq, attempt,
  max_attempts, percentage, stage, message, result, result_ref, error, audience, roles, refresh,
  is_durable, is_cancellable, has_refused_cancel, is_retryable, parent_id, worker_id, seen_at is not null as is_seen,
  ${milliseconds('created_at')}, ${milliseconds('started_at')}, ${milliseconds('updated_at')},
  ${milliseconds('finished_at')}, is_ephemeral`;

/** The same for who is going to do the work: the input may be large. */
export const COLUMNS_WITH_INPUT: string = `${COLUMNS}, input`;

interface Columns {
  id: string;
  realm: string;
  tenant_id: string;
  owner_id: string;
  owner_roles: string[];
  type: string;
  label: string;
  labels: Record<string, string>;
  state: OperationState;
  seq: number;
  attempt: number;
  max_attempts: number;
  percentage: number | null;
  stage: string | null;
  message: string | null;
  input?: unknown;
  result: unknown;
  result_ref: string | null;
  error: OperationFailure | null;
  audience: 'owner' | 'tenant' | 'roles';
  roles: string[];
  refresh: string[];
  is_durable: boolean;
  is_ephemeral: boolean;
  is_cancellable: boolean;
  has_refused_cancel: boolean;
  is_retryable: boolean;
  parent_id: string | null;
  worker_id: string | null;
  is_seen: boolean;
  created_at: number;
  started_at: number | null;
  updated_at: number;
  finished_at: number | null;
}

/** One row of a statement that returns `COLUMNS`. */
export function toRow(row: unknown): OperationRow {
  const columns = row as Columns;
  const realm = realmOfColumns(columns.realm, columns.tenant_id);
  return {
    snapshot: toSnapshot(columns),
    realm,
    owner: { userId: columns.owner_id, realm, roles: columns.owner_roles },
    input: columns.input,
    isEphemeral: columns.is_ephemeral,
    refresh: columns.refresh,
    workerId: columns.worker_id,
  };
}

function toSnapshot(row: Columns): OperationSnapshot {
  const hasEnded = isTerminal(row.state);
  const hasFailed = hasEnded && row.state !== 'succeeded';
  return {
    id: row.id,
    type: row.type,
    label: row.label,
    state: row.state,
    seq: row.seq,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    ...present({
      percentage: row.percentage,
      stage: row.stage,
      message: row.message,
      result: row.result,
      resultRef: row.result_ref,
      error: row.error,
      parentId: row.parent_id,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
    }),
    ownerId: row.owner_id,
    audience: audienceOf(row),
    labels: row.labels,
    isDurable: row.is_durable,
    isCancellable: mayBeCancelled(row),
    isRetryable: row.is_retryable && hasFailed && row.error?.retryable !== false,
    isSeen: row.is_seen,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function mayBeCancelled({ is_cancellable, has_refused_cancel, state }: Columns): boolean {
  return is_cancellable && !has_refused_cancel && (state === 'queued' || state === 'running');
}

function audienceOf({ audience, roles }: Columns): OperationAudience {
  return audience === 'roles' ? { roles } : audience;
}

/** A column without a value is a field that is not there. */
function present<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: NonNullable<T[K]> };
}

function milliseconds(column: string): string {
  return `floor(extract(epoch from ${column}) * 1000)::double precision as ${column}`;
}
