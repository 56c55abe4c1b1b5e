import { SlowBroker } from '@trunkline/server/testing';
import { seeded } from '../harness.ts';
import { describeBroker } from './broker-suite.ts';
import { fakeTime } from './test-time.ts';

describeBroker('SlowBroker', {
  create: () => new SlowBroker({ random: seeded(7), maxDelayMs: 5 }),
  time: fakeTime,
});
