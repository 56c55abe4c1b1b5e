import { ACME, GLOBEX, PLATFORM, type Tenant } from '../tenants.ts';

/** An account that every demo server has. */
export interface DemoAccount {
  readonly name: string;
  readonly email: string;
  readonly role: string;
  /** Where they may work. */
  readonly tenants: readonly Tenant[];
}

/** The password of all demo accounts. */
export const DEMO_PASSWORD = 'demo';

/** Two colleagues, someone of another company, someone who works for both, the platform's staff. */
export const demoAccounts: readonly DemoAccount[] = [
  { name: 'Ada', email: 'ada@acme.test', role: 'Admin', tenants: [ACME] },
  { name: 'Ben', email: 'ben@acme.test', role: 'Member', tenants: [ACME] },
  { name: 'Cleo', email: 'cleo@globex.test', role: 'Admin', tenants: [GLOBEX] },
  { name: 'Dana', email: 'dana@agency.test', role: 'Works for both', tenants: [ACME, GLOBEX] },
  { name: 'Root', email: 'root@platform.test', role: 'Platform admin', tenants: [PLATFORM] },
];
