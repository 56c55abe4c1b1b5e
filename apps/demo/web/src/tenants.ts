import type { AuthUser } from '@/context/AuthContext';

/** A company, or the platform itself, as the pages name it. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
}

/** What the platform's staff see in the place of a company. */
export const PLATFORM: Tenant = { id: 'platform', name: 'Platform' };

/** The companies that every demo server has. */
export const ACME: Tenant = { id: 'acme', name: 'Acme' };
export const GLOBEX: Tenant = { id: 'globex', name: 'Globex' };

/** Where a user works now. */
export function tenantOf({ tenantId, tenants }: AuthUser): Tenant {
  if (tenantId === null) return PLATFORM;
  return tenants.find(({ id }) => id === tenantId) ?? { id: tenantId, name: tenantId };
}

const COLOURS = ['plum', 'rose', 'blue', 'olive'];
const OWN_COLOURS: Record<string, string> = {
  [ACME.id]: 'indigo',
  [GLOBEX.id]: 'teal',
  [PLATFORM.id]: 'amber',
};

/** The colour that a tenant is told by (`data-colour`): always the same one. */
export function colourOf({ id }: Tenant): string {
  const sum = Array.from(id).reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0);
  return OWN_COLOURS[id] ?? COLOURS[sum % COLOURS.length] ?? 'indigo';
}
