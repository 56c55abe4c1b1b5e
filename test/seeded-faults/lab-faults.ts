import type { Change, SeededFault } from './faults.ts';

/** No look at the streams, and no look at the offsets, neither by the node nor by a subscription. */
const blindness: readonly Change[] = [
  {
    file: 'server/src/followed-stream.ts',
    find: 'if (position && (position.epoch !== epoch || offset !== position.offset + 1)) return false;',
    replace: '',
  },
  {
    file: 'server/src/gap-repair.ts',
    find: 'async #compare(channels: readonly string[]): Promise<void> {',
    replace:
      'async #compare(channels: readonly string[]): Promise<void> {\n    if (channels) return;',
  },
  {
    file: 'server/src/subscription.ts',
    find: 'if (!isSameLife || offset !== this.#offset + 1) {',
    replace: 'if (!isSameLife) {',
  },
];

/**
 * Protections that the fault lab (test/faults) switches off in the nodes of its negative controls: the checker
 * must find what they protect from.
 */
export const labFaults: readonly SeededFault[] = [
  {
    name: 'nobody notices what is missing',
    changes: blindness,
  },
  {
    name: 'a recovery leaves out what was missed',
    changes: [
      {
        file: 'server/src/recovery.ts',
        find: 'recovered: true, publications }',
        replace: 'recovered: true, publications: [] }',
      },
    ],
  },
  {
    name: 'idempotency keys are forgotten',
    changes: [
      {
        file: 'server/src/broker/redis-streams.ts',
        find: 'const once = idempotencyKey === undefined ? [] : [keys.once(channel, idempotencyKey)];',
        replace: 'const once: string[] = [];',
      },
    ],
  },
  {
    name: 'history is read before its channel is followed',
    changes: [
      ...blindness,
      {
        file: 'server/src/recovery.ts',
        find: 'await node.subscribe(channel, subscription);',
        replace:
          'const early = await node.history(channel, recover?.offset ?? null);\n  await node.subscribe(channel, subscription);',
      },
      {
        file: 'server/src/recovery.ts',
        find: 'const history = await node.history(channel, recover?.offset ?? null);',
        replace: 'const history = early;',
      },
    ],
  },
  {
    name: 'orders are confirmed and not carried out',
    changes: [
      {
        file: 'server/src/cluster/cluster.ts',
        find: 'await this.#carryOut(order);',
        replace: "if (order.kind === 'join') await this.#carryOut(order);",
      },
    ],
  },
];
