import type { OperationFilter, OperationList, Realm } from '@trunkline/contract';
import type { Queryable } from './database.ts';
import { InvalidInputError } from './errors.ts';
import { toJson } from './json.ts';
import { realmColumns } from './principal.ts';
import { COLUMNS, type OperationRow, toRow } from './row.ts';

/** Whose eyes a list is for; `null`: all of the realm. */
export interface Viewer {
  readonly userId: string;
  readonly roles: readonly string[];
}

const STATES: Readonly<Record<string, readonly string[]>> = {
  active: ['queued', 'running', 'cancelling'],
  ended: ['succeeded', 'failed', 'cancelled', 'crashed'],
};
const ALL_STATES = Object.values(STATES).flat();
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** The operations of a realm that a filter lets through and a viewer may see, newest first. */
export async function listOperations(
  database: Queryable,
  realm: Realm,
  filter: OperationFilter,
  viewer: Viewer | null,
): Promise<OperationList> {
  const limit = limitOf(filter);
  const { text, parameters } = statement(realm, filter, viewer, limit + 1);
  const { rows } = await database.query(text, parameters);
  const operations = rows.slice(0, limit).map((row) => toRow(row).snapshot);
  const last = operations.at(-1);
  return {
    operations,
    ...(rows.length > limit && last ? { next: last.id } : {}),
    now: Date.now(),
  };
}

/** May this viewer see the operation? The same rule as the list's. */
export function isVisible({ snapshot }: OperationRow, viewer: Viewer): boolean {
  const { ownerId, audience } = snapshot;
  if (ownerId === viewer.userId || audience === 'tenant') return true;
  return typeof audience === 'object' && audience.roles.some((role) => viewer.roles.includes(role));
}

function statement(
  realm: Realm,
  filter: OperationFilter,
  viewer: Viewer | null,
  limit: number,
): { text: string; parameters: unknown[] } {
  const columns = realmColumns(realm);
  const parameters: unknown[] = [columns.realm, columns.tenantId];
  const parameter = (value: unknown) => `$${parameters.push(value)}`;
  const conditions = ['realm = $1', 'tenant_id = $2'];
  if (filter.state !== undefined) {
    // from a closed list, and as literals: a partial index is of no use to a parameter
    const states = statesOf(filter.state).map((state) => `'${state}'`);
    conditions.push(`state in (${states.join(', ')})`);
  }
  if (filter.type !== undefined) conditions.push(`type = ${parameter(textOf(filter, 'type'))}`);
  if (filter.ownerId !== undefined)
    conditions.push(`owner_id = ${parameter(textOf(filter, 'ownerId'))}`);
  if (filter.parentId !== undefined) {
    conditions.push(`parent_id = ${parameter(textOf(filter, 'parentId'))}`);
  }
  if (filter.before !== undefined) conditions.push(`id < ${parameter(textOf(filter, 'before'))}`);
  if (filter.labels !== undefined) {
    conditions.push(`labels @> ${parameter(toJson(labelsOf(filter.labels)))}::jsonb`);
  }
  if (viewer) {
    const user = parameter(viewer.userId);
    const roles = parameter(toJson(viewer.roles));
    conditions.push(
      `(owner_id = ${user} or audience = 'tenant' or (audience = 'roles' and exists (
         select from jsonb_array_elements_text(roles) as role (name)
         where name in (select jsonb_array_elements_text(${roles}::jsonb)))))`,
    );
  }
  const text = `select ${COLUMNS} from trunkline.operations
    where ${conditions.join(' and ')} order by id desc limit ${parameter(limit)}`;
  return { text, parameters };
}

function statesOf(state: string): readonly string[] {
  const group = Object.hasOwn(STATES, state) ? STATES[state] : undefined;
  if (group) return group;
  if (ALL_STATES.includes(state)) return [state];
  throw new InvalidInputError(
    `state is active, ended or one of ${ALL_STATES.join(', ')}, got ${JSON.stringify(state)}`,
  );
}

function limitOf({ limit = DEFAULT_LIMIT }: OperationFilter): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidInputError(
    `limit is a whole number from 1 to ${MAX_LIMIT}, got ${String(limit)}`,
  );
}

function textOf(
  filter: OperationFilter,
  field: 'type' | 'ownerId' | 'parentId' | 'before',
): string {
  const value: unknown = filter[field];
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw new InvalidInputError(`${field} is a text, got ${typeof value}`);
}

function labelsOf(labels: unknown): unknown {
  const isObject = typeof labels === 'object' && labels !== null && !Array.isArray(labels);
  if (isObject && Object.values(labels).every((value) => typeof value === 'string')) return labels;
  throw new InvalidInputError('labels are an object of texts, e.g. { file: "users.csv" }');
}
