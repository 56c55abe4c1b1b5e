import fc from 'fast-check';
import { ExactlyButShrinkable } from '../../packages/server/test/model/scenario.ts';
import { CLIENT_ACTS } from './client-acts.ts';
import { MIX_UP_ACTS, REMOTE_ACTS, SERVICE_ACTS } from './service-acts.ts';
import type { Act, Step } from './stage.ts';
import { THIEF_ACTS } from './thief-acts.ts';
import type { Engine, WorldSetup } from './world.ts';

/** Everything that can happen. */
export const ACTS: Readonly<Record<string, Act>> = {
  ...CLIENT_ACTS,
  ...SERVICE_ACTS,
  ...MIX_UP_ACTS,
  ...REMOTE_ACTS,
  ...THIEF_ACTS,
};

/** What happens more often than other things, or more rarely. */
const WEIGHTS: Readonly<Record<string, number>> = {
  connect: 20,
  subscribe: 16,
  send: 16,
  publish: 8,
  confuse: 8,
  leave: 4,
  unsubscribe: 5,
  disconnect: 1,
};
const USUAL_WEIGHT = 3;

/** A story: what happens, where, and the seed of all that is left to chance. */
export interface Scenario extends Pick<WorldSetup, 'platform' | 'engine' | 'canReauthorize'> {
  readonly steps: readonly Step[];
  readonly seed: number;
}

/** Scenarios of this many steps, in which up to so many events are sent at once. */
export function scenarios(stepCount: number, maxCount: number): fc.Arbitrary<Scenario> {
  const acts = Object.keys(ACTS).map((act) => ({
    weight: WEIGHTS[act] ?? USUAL_WEIGHT,
    arbitrary: fc.constant(act),
  }));
  const step: fc.Arbitrary<Step> = fc.record({
    act: fc.oneof(...acts),
    who: fc.nat(),
    whom: fc.nat(),
    pick: fc.nat(),
    count: fc.nat(maxCount - 1),
  });
  return fc.record({
    platform: fc.constantFrom('express', 'fastify'),
    engine: fc.constantFrom<Engine[]>('memory', 'memory', 'slow'),
    canReauthorize: fc.boolean(),
    steps: new ExactlyButShrinkable(step, stepCount),
    seed: fc.nat(2 ** 31 - 1),
  });
}
