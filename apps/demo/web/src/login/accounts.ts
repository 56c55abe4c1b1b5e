import type { Tenant } from '../tenants.ts';
import { tenantOf } from '../tenants.ts';

/** An account that every demo server has. */
export interface DemoAccount {
  readonly name: string;
  readonly email: string;
  readonly role: string;
  readonly tenant: Tenant;
}

/** The password of all demo accounts. */
export const DEMO_PASSWORD = 'demo';

/** Two colleagues, someone of another company, and the platform's staff. */
export const demoAccounts: readonly DemoAccount[] = [
  { name: 'Ada', email: 'ada@acme.test', role: 'Admin', tenant: tenantOf('acme') },
  { name: 'Ben', email: 'ben@acme.test', role: 'Member', tenant: tenantOf('acme') },
  { name: 'Cleo', email: 'cleo@globex.test', role: 'Admin', tenant: tenantOf('globex') },
  { name: 'Root', email: 'root@platform.test', role: 'Platform admin', tenant: tenantOf(null) },
];
