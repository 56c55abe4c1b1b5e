import type { Published } from '../../packages/server/test/model/ledger.ts';

/** From when to when there was no working Redis, by the clock of `now`. */
export interface Outage {
  readonly beganAt: number;
  readonly endedAt: number;
  /** When it was looked at for the last time: what is called later has nothing to do with it. */
  readonly seenAt: number;
}

/** What publishers saw of an outage. */
export interface Aftermath {
  /** Publishes that were refused or given up because of it. */
  readonly refused: number;
  /** Publishes that took longer than they ever do. */
  readonly delayed: number;
  /** Publishes that were acknowledged while nobody could have stored them. */
  readonly unfounded: number;
  /** The longest that a publish took. */
  readonly slowestMs: number;
  /** From the end of the outage to the call of the last publish that was not accepted. */
  readonly backMs: number;
}

/** Answers that were under way when it began still come. */
const ON_THEIR_WAY_MS = 100;
const DELAYED_MS = 500;

export function aftermathOf(
  published: readonly Published[],
  { beganAt, endedAt, seenAt }: Outage,
): Aftermath {
  const concerned = published.filter(
    ({ calledAt = 0, settledAt = Infinity }) => settledAt > beganAt && calledAt < seenAt,
  );
  const refused = concerned.filter(({ outcome }) => outcome !== 'accepted');
  const isUnfounded = ({ outcome, settledAt = 0 }: Published) =>
    outcome === 'accepted' && settledAt > beganAt + ON_THEIR_WAY_MS && settledAt < endedAt;
  const tookMs = ({ calledAt = 0, settledAt = Infinity }: Published) => settledAt - calledAt;
  return {
    refused: refused.length,
    delayed: concerned.filter((each) => tookMs(each) > DELAYED_MS).length,
    unfounded: concerned.filter(isUnfounded).length,
    slowestMs: mostOf(concerned.map(tookMs)),
    backMs: mostOf(refused.map(({ calledAt = 0 }) => calledAt - endedAt)),
  };
}

function mostOf(numbers: readonly number[]): number {
  return numbers.reduce((most, each) => Math.max(most, each), 0);
}
