import type { Experiment } from './experiment.ts';
import { t02 } from './t02-model.ts';
import { t03 } from './t03-call-order.ts';
import { t04 } from './t04-seam.ts';
import { t05 } from './t05-idempotency.ts';
import { t07 } from './t07-flapping.ts';
import { t08 } from './t08-black-hole.ts';
import { t09 } from './t09-bad-line.ts';
import { t10 } from './t10-damaged-bytes.ts';
import { t11 } from './t11-slow-readers.ts';
import { t12 } from './t12-stopped-clients.ts';
import { t15 } from './t15-node-killed.ts';
import { t16 } from './t16-rolling-restart.ts';
import { t18 } from './t18-stalled-node.ts';
import { t19 } from './t19-empty-restart.ts';
import { t20 } from './t20-rollback.ts';
import { t21 } from './t21-split-brain.ts';
import { t22 } from './t22-silent-redis.ts';
import { t23 } from './t23-sentinel.ts';
import { t24 } from './t24-subscriptions-cut.ts';
import { t25 } from './t25-readers-kicked.ts';
import { t26 } from './t26-redis-abused.ts';
import { t35 } from './t35-revocation.ts';

/** All that the lab plays, in the order of the specification. */
export const experiments: readonly Experiment[] = [
  t02,
  t03,
  t04,
  t05,
  t07,
  t08,
  t09,
  t10,
  t11,
  t12,
  t15,
  t16,
  t18,
  t19,
  t20,
  t21,
  t22,
  t23,
  t24,
  t25,
  t26,
  t35,
];
