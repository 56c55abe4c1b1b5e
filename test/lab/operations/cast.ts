import { type OperationAudience, type Realm, tenantRealm } from '@trunkline/contract';

/** Somebody who has pages open; the server believes them who they are. */
export interface Person {
  readonly tenant: string;
  readonly user: string;
  /** Sees what is for clerks. */
  readonly isClerk?: boolean;
  /** Has toasts of others' operations too. */
  readonly isCurious?: boolean;
  readonly tabs: number;
}

/** Whose an operation is, who else sees it, and how much there is to do. */
export interface Order {
  readonly tenant: string;
  readonly user: string;
  readonly audience: 'owner' | 'tenant' | 'clerks';
  readonly isDurable: boolean;
  readonly steps: number;
  /** How long a step takes, half of it or one and a half at random. */
  readonly stepMs: number;
  readonly seed: number;
}

/** An operation as the database has it, read by the lab itself and not by what is tested. */
export interface StoredRow {
  readonly id: string;
  readonly type: string;
  readonly tenant: string;
  readonly owner: string;
  readonly audience: 'owner' | 'tenant' | 'roles';
  readonly state: string;
  readonly seq: number;
  readonly attempt: number;
  readonly percentage: number | null;
  readonly stage: string | null;
  readonly isDurable: boolean;
}

const CLERKS = 'clerks';

/** What `Operations` is told of whom else an order is for. */
export function audienceOf({ audience }: Order): OperationAudience {
  return audience === 'clerks' ? { roles: [CLERKS] } : audience;
}

/** May this person see it? By the rules, not by the code. */
export function isFor({ tenant, user, isClerk }: Person, row: StoredRow): boolean {
  if (row.tenant !== tenant) return false;
  return (
    row.owner === user ||
    row.audience === 'tenant' ||
    (row.audience === 'roles' && isClerk === true)
  );
}

/** What a page says to be let in. */
export function tokenOf({ tenant, user, isClerk }: Person): string {
  return `${tenant}/${user}/${isClerk ? CLERKS : ''}`;
}

/** Who comes with that token; `null`: nobody. */
export function principalOf(token = ''): { userId: string; realm: Realm; roles: string[] } | null {
  const [tenant = '', userId = '', role = ''] = token.split('/');
  if (tenant === '') return null;
  return { userId, realm: tenantRealm(tenant), roles: role === '' ? [] : [role] };
}

/** This moment, the same in all processes of the machine: milliseconds since 1970. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
