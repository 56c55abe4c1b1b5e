import { setTimeout as sleep } from 'node:timers/promises';
import { channelsOf, keyOf, type Person, TENANTS } from '../lab/cast.ts';
import type { Seen } from '../lab/members.ts';
import type { Scene } from '../lab/revocation-ways.ts';
import type { Lab } from './lab.ts';
import type { Revoked, StreamReport } from './t35-revocation-app.ts';

/** What a node did that was frozen until the others took it for gone, and went on. */
export interface Return {
  /** Revocations that were acknowledged without it. */
  readonly acknowledged: number;
  /** The longest that took. */
  readonly ackMs: number;
  /** What it wrote of what had come to it before: to its sockets, behind the acknowledgement. */
  readonly oldBytes: number;
  /** Publications that were made behind the acknowledgement, and came. */
  readonly late: number;
}

const label = 'while a node is taken for gone';
const kind = 'joined room' as const;
/** So long the others publish what was taken, and it does not know. */
const ON_MS = 1_000;
const HEARD_MS = 2_000;

/** Takes a room from many while one of their nodes is frozen, for longer than a node may be silent. */
export async function returnOf(lab: Lab, { members, server }: Scene): Promise<Return> {
  const [zombie, ...others] = lab.nodes;
  const [other] = others;
  if (!zombie || !other) throw new Error('It takes two nodes');
  const persons = TENANTS.flatMap((tenant) => [0, 1, 2].map((user): Person => ({ tenant, user })));
  const all = <T>(question: string, options: unknown) =>
    Promise.all(lab.nodes.map(({ process }) => process.ask<T>(question, options)));
  for (const person of persons) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await members.ask('expectLoss', { person, kind, isCutOff: true });
  }
  zombie.process.freeze();
  const revoking = persons.map(async (person) => {
    return { person, ...(await other.process.ask<Revoked>('revoke', { person, kind })) };
  });
  const acks = await Promise.all(revoking);
  const keys = persons.map((person) => keyOf(person, channelsOf(person).team));
  for (const { process } of others) void process.ask('publish', { keys });
  await sleep(ON_MS);
  zombie.process.thaw();
  await sleep(HEARD_MS);
  const seen = acks.map(async ({ person, at }) => {
    await all('acknowledged', { person, kind, label, at });
    const numbers = await all<Record<string, number>>('numbersAt', { at });
    const key = keyOf(person, channelsOf(person).team);
    const marks = { [key]: Math.max(...numbers.map((each) => each[key] ?? 0)) };
    return await members.ask<Seen>('seen', { person, kind, ackAt: at, marks });
  });
  const late = (await Promise.all(seen)).reduce((sum, each) => sum + each.late, 0);
  const reports = await all<StreamReport>('report', {});
  const oldBytes = reports.reduce((sum, { offences }) => sum + (offences[label]?.handed ?? 0), 0);
  for (const person of persons) {
    // oxlint-disable-next-line no-await-in-loop -- see above
    await server.ask('give', { person, kind });
    // oxlint-disable-next-line no-await-in-loop -- see above
    await members.ask('regain', { person, kind });
  }
  const ackMs = Math.max(...acks.map(({ latencyMs }) => latencyMs));
  return { acknowledged: acks.length, ackMs, oldBytes, late };
}
