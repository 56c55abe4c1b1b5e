import type { UserRole } from './schema.ts';

/** The password of every demo account. */
export const DEMO_PASSWORD = 'demo';

/** Somebody who can sign in to a fresh demo. */
export interface DemoAccount {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly department: string;
  readonly role: UserRole;
  /** Where they are members; none: the platform's staff. */
  readonly tenantIds: readonly string[];
}

export const demoTenants = [
  { id: 'acme', name: 'Acme' },
  { id: 'globex', name: 'Globex' },
];

/** Two people of one tenant, one of another, one who works for both, and one of the platform. */
export const demoAccounts: readonly DemoAccount[] = [
  account('ada@acme.test', 'Ada Lovelace', 'admin', 'Engineering', ['acme']),
  account('ben@acme.test', 'Ben Okafor', 'member', 'Sales', ['acme']),
  account('cleo@globex.test', 'Cleo Marchetti', 'admin', 'Operations', ['globex']),
  account('dana@agency.test', 'Dana Lindqvist', 'member', 'Consulting', ['acme', 'globex']),
  account('root@platform.test', 'Robin Root', 'admin', 'Platform', []),
];

function account(
  email: string,
  name: string,
  role: UserRole,
  department: string,
  tenantIds: readonly string[],
): DemoAccount {
  return { id: email.slice(0, email.indexOf('@')), email, name, role, department, tenantIds };
}
