import { SlowBroker } from '@trunkline/server/testing';
import { seeded } from '../harness.ts';
import { describeBroker } from './broker-suite.ts';

describeBroker('SlowBroker', () => new SlowBroker({ random: seeded(7), maxDelayMs: 5 }));
