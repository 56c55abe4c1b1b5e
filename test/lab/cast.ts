// Who takes part in the experiment on revocation, and what they hear.

/** One user of one tenant. The same numbers are other people in other tenants. */
export interface Person {
  readonly tenant: string;
  readonly user: number;
}

/** What is taken away from a person, by the name of the way. */
export type Kind = 'joined room' | 'asked room' | 'policy' | 'role' | 'user' | 'tenant';

/** Tenants whose people hear the steady stream. */
export const TENANTS: readonly string[] = ['t0', 't1', 't2', 't3', 't4'];
/** The tenant of those that are behind: each of them has channels of their own, which can be filled. */
export const LAZY = 'lazy';

/** How many tabs a person has open. */
export function tabsOf({ tenant, user }: Person): number {
  return tenant !== LAZY && user % 3 === 0 ? 2 : 1;
}

/** Wire names of what a person hears, beside `@user` and `@all`. */
export function channelsOf({ tenant, user }: Person): { role: string; team: string; chat: string } {
  const group = (bit: number) => (tenant === LAZY ? user : (user >> bit) % 2);
  return { role: `@role:r${group(0)}`, team: `team:${group(1)}`, chat: `chat:${group(2)}` };
}

/** Everything that a person hears, by wire name. */
export function wiresOf(person: Person): string[] {
  return ['@user', '@all', ...Object.values(channelsOf(person))];
}

/** The wire name of what is taken; `null`: all of it. */
export function takenBy(kind: Kind, person: Person): string | null {
  const { role, team, chat } = channelsOf(person);
  if (kind === 'role') return role;
  if (kind === 'joined room') return team;
  return kind === 'user' || kind === 'tenant' ? null : chat;
}

/** One channel's name in this experiment, unlike any other's: it stands in each publication. */
export function keyOf({ tenant, user }: Person, wire: string): string {
  return wire === '@user' ? `${tenant}/@user/u${user}` : `${tenant}/${wire}`;
}

/** The text by which a publication of the channel is known, in whatever it travels. */
export function markOf(key: string): string {
  return `"c":"${key}"`;
}
