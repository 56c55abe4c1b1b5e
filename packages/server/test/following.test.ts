import { channelKey } from '@trunkline/contract';
import { BrokerUnavailableError, MemoryBroker } from '@trunkline/server';
import { expect, test } from 'vitest';
import { Following } from '../src/following.ts';
import { roomChannel } from './harness.ts';

const room = channelKey(roomChannel('chat:1'));

/** A memory broker that answers a subscribe when it is told to. */
class HeldBroker extends MemoryBroker {
  /** Subscribes that have not been answered yet, and all that there were. */
  readonly held: PromiseWithResolvers<void>[] = [];
  subscribes = 0;

  override async subscribe(channel: string): Promise<void> {
    this.subscribes += 1;
    const answer = Promise.withResolvers<void>();
    this.held.push(answer);
    await answer.promise;
    await super.subscribe(channel);
  }

  refuse(): void {
    this.held.shift()?.reject(new BrokerUnavailableError('late'));
  }
}

function follow(broker: HeldBroker) {
  const state = { isWanted: true };
  const following = new Following({
    broker,
    gaps: { follow: () => {}, forget: () => {} },
    isWanted: () => state.isWanted,
    keepsHistory: () => true,
    followerOf: () => ({ deliver: () => {}, lose: () => {} }),
  });
  return { state, following };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

test('however many wait for a broker that refuses late, two refusals are told to all', async () => {
  const broker = new HeldBroker();
  const { following } = follow(broker);
  const outcomes = Array.from({ length: 1_000 }, () => following.align(room));
  const settled = Promise.allSettled(outcomes);
  expect(broker.subscribes).toBe(1);
  broker.refuse();
  await expect(outcomes[0]).rejects.toThrow('late');
  await turns();
  expect(broker.subscribes).toBe(2);
  broker.refuse();
  expect((await settled).filter(({ status }) => status === 'rejected')).toHaveLength(1_000);
  expect(broker.subscribes).toBe(2);
  await following.settled();
});

test('who comes while the broker is asked for the others is not told their refusal', async () => {
  const broker = new HeldBroker();
  const { following } = follow(broker);
  const first = following.align(room);
  const second = following.align(room);
  broker.refuse();
  await expect(first).rejects.toThrow('late');
  await turns();
  const third = following.align(room);
  broker.refuse();
  await expect(second).rejects.toThrow('late');
  await turns();
  broker.held.shift()?.resolve();
  await third;
  await following.align(room);
  expect(broker.subscribes).toBe(3);
});

test('what changed back while it waited asks the broker for nothing', async () => {
  const broker = new HeldBroker();
  const { following, state } = follow(broker);
  const joining = following.align(room);
  state.isWanted = false;
  const leaving = following.align(room);
  state.isWanted = true;
  const back = following.align(room);
  broker.held.shift()?.resolve();
  await Promise.all([joining, leaving, back, following.settled()]);
  expect(broker.subscribes).toBe(1);
});
