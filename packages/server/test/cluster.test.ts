// How nodes that share a broker talk with each other: who lives, orders and their confirmations,
// questions, and what hostile or lost messages do.
import { createServer } from 'node:http';
import { attach, Node, NodesUnreachableError, OrderFailedError } from '@trunkline/server';
import { expect, test } from 'vitest';
import { type ClusterMember, TestCluster } from './cluster-harness.ts';
import { serve } from './harness.ts';
import { SharedMemory } from './shared-memory.ts';

const anything = (data: unknown) => data ?? null;
const inbox = ({ node }: ClusterMember) => `!node:${node.id}`;
const idsOf = (members: readonly ClusterMember[]) => members.map(({ node }) => node.id).toSorted();

/** Nodes die fast, and what is lost is found soon. */
const hasty = {
  nodeIntervalMs: 100,
  nodeTtlMs: 800,
  orderTimeoutMs: 5_000,
  answerTimeoutMs: 300,
  gapCheckMs: 50,
};
/** No node is given up because the machine is busy. */
const calm = { gapCheckMs: 50 };

/** What each of these has been ordered. */
function noteOrders(members: readonly ClusterMember[]): unknown[][] {
  return members.map(({ node }) => {
    const carriedOut: unknown[] = [];
    node.cluster.on('note', anything, (data) => void carriedOut.push(data));
    return carriedOut;
  });
}

test('nodes that share a broker know of each other, and of one that stops that it has', async () => {
  const cluster = new TestCluster();
  const members = await cluster.start(3);
  const [first, second, third] = members;
  for (const { node } of members) {
    const ids = (await node.cluster.nodes()).map(({ id }) => id).toSorted();
    expect(ids).toEqual(idsOf(members));
  }
  await third.node.stop();
  const left = await first.node.cluster.nodes();
  expect(left.map(({ id }) => id).toSorted()).toEqual(idsOf([first, second]));
  expect(left).toMatchObject([1, 2].map(() => ({ connections: 0, subscriptions: 0 })));
  expect(first.node.stats().nodes).toBe(2);
});

test('a node whose broker nobody shares is alone: its orders are carried out, its surveys answered', async () => {
  const { node } = await serve();
  await node.cluster.order('note', 1);
  await node.cluster.broadcast('note', 1);
  expect(await node.cluster.nodes()).toMatchObject([{ id: node.id }]);
  const answers = await node.cluster.survey('stats', {});
  expect([...answers]).toEqual([[node.id, { answer: node.stats() }]]);
  expect(node.stats()).toMatchObject({ nodes: 1, counts: { orders: 0 } });
});

test('an order has been carried out on every other node when it resolves, on each once and in order', async () => {
  const cluster = new TestCluster(calm);
  const members = await cluster.start(3);
  const [own, ...others] = noteOrders(members);
  const { cluster: first } = members[0].node;
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  await Promise.all(numbers.map((n) => first.order('note', n)));
  for (const carriedOut of others) expect(carriedOut).toEqual(numbers);
  expect(own).toEqual([]);
  expect(members.map(({ node }) => node.stats().counts.ordersCarriedOut)).toEqual([0, 50, 50]);
  expect(members[0].node.stats().counts).toMatchObject({ orders: 50, ordersUnconfirmed: 0 });
});

test('an order waits for what it has others do', async () => {
  const [first, second] = await new TestCluster().start(2);
  const release = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  second.node.cluster.on('wait', anything, async () => {
    asked.resolve();
    await release.promise;
  });
  let isOver = false;
  const ordering = first.node.cluster.order('wait', {}).finally(() => {
    isOver = true;
  });
  await asked.promise;
  await first.node.cluster.survey('stats', {}); // an answer that was given later has come
  expect(isOver).toBe(false);
  release.resolve();
  await ordering;
});

test('what another node could not do is said, and the others have done it', async () => {
  const members = await new TestCluster().start(3);
  const [first, second, third] = members;
  const done: number[] = [];
  second.node.cluster.on('fail', anything, () => {
    throw new Error('the disk is full');
  });
  third.node.cluster.on('fail', anything, () => void done.push(1));
  const failure = await first.node.cluster.order('fail', {}).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(OrderFailedError);
  expect(failure).toMatchObject({ code: 'ORDER_FAILED', node: second.node.id });
  expect(String(failure)).toContain('the disk is full');
  expect(done).toEqual([1]);
  expect(first.node.stats().counts.ordersUnconfirmed).toBe(1);
});

test('a node that does not come to an end of it is named, and the order is not taken back', async () => {
  const limits = { nodeIntervalMs: 50, nodeTtlMs: 300, orderTimeoutMs: 500 };
  const [first, second] = await new TestCluster(limits).start(2);
  const begun = Promise.withResolvers<void>();
  second.node.cluster.on('hang', anything, async () => {
    begun.resolve();
    await new Promise(() => {});
  });
  const failure = await first.node.cluster.order('hang', {}).catch((error: unknown) => error);
  await begun.promise;
  expect(failure).toBeInstanceOf(NodesUnreachableError);
  expect(failure).toMatchObject({ code: 'NODES_UNREACHABLE', nodes: [second.node.id] });
  expect(String(failure)).toMatch(/in 500 ms \(limits.orderTimeoutMs\).* holds on this node/);
});

test('a node that has died is waited for until it counts as gone, and no longer', async () => {
  const [first, second] = await new TestCluster(hasty).start(2);
  second.broker.cut();
  const orderedAt = performance.now();
  await first.node.cluster.order('note', {});
  expect(performance.now() - orderedAt).toBeGreaterThan(hasty.nodeTtlMs / 2);
  expect(await first.node.cluster.nodes()).toMatchObject([{ id: first.node.id }]);
});

test('a node that was frozen carries out what was ordered meanwhile when it goes on', async () => {
  const members = await new TestCluster(hasty).start(2);
  const [first, second] = members;
  const [, carriedOut] = noteOrders(members);
  second.broker.freeze();
  await first.node.cluster.order('note', 'while you were away');
  expect(carriedOut).toEqual([]);
  second.broker.thaw();
  await expect.poll(() => carriedOut).toEqual(['while you were away']);
});

test('a node that was cut off carries out what was ordered meanwhile, in its order, when it is back', async () => {
  const members = await new TestCluster(hasty).start(2);
  const [first, second] = members;
  const [, carriedOut] = noteOrders(members);
  second.broker.cut();
  await Promise.all([1, 2, 3].map((n) => first.node.cluster.order('note', n)));
  expect(second.broker.lost).toBeGreaterThanOrEqual(3);
  expect(carriedOut).toEqual([]);
  second.broker.mend();
  await expect.poll(() => carriedOut).toEqual([1, 2, 3]);
  expect(second.node.stats().counts).toMatchObject({ ordersLost: 0 });
});

test('an order that gets lost on its way is read again before it is confirmed', async () => {
  const members = await new TestCluster(calm).start(2);
  const [first, second] = members;
  const [, carriedOut] = noteOrders(members);
  second.broker.loses = () => true;
  const ordering = first.node.cluster.order('note', 'lost');
  await expect.poll(() => second.broker.lost).toBeGreaterThan(0);
  await ordering;
  expect(carriedOut).toEqual(['lost']);
  expect(second.node.stats().counts.repaired).toBe(1);
});

test('of a confirmation that gets lost the node is asked again, and does nothing twice', async () => {
  const members = await new TestCluster(calm).start(2);
  const [first] = members;
  const [, carriedOut] = noteOrders(members);
  first.broker.loses = (channel) => channel === inbox(first) && first.broker.lost === 0;
  await first.node.cluster.order('note', 'once');
  expect(first.broker.lost).toBe(1);
  expect(carriedOut).toEqual(['once']);
});

test('a node that has begun behind an order is not waited for', async () => {
  const cluster = new TestCluster(calm);
  const [first, second] = await cluster.start(2);
  const [asked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  second.node.cluster.on('wait', anything, async () => {
    asked.resolve();
    await release.promise;
  });
  const ordering = first.node.cluster.order('wait', {});
  await asked.promise;
  const late = await cluster.startOne();
  late.broker.freeze(); // it could not confirm anything
  first.broker.loses = (channel) => channel === inbox(first) && first.broker.lost === 0;
  const releasedAt = performance.now();
  release.resolve();
  await ordering; // the list of those to wait for was read again, with the late one on it
  expect(first.broker.lost).toBe(1);
  expect(performance.now() - releasedAt).toBeLessThan(5_000); // it would count as gone in 7 s
  late.broker.thaw();
  expect(late.node.stats().counts.ordersCarriedOut).toBe(0);
});

test('when the broker has forgotten who lives, an order waits until all had the time to say so', async () => {
  const limits = { ...hasty, nodeTtlMs: 4_000 };
  const cluster = new TestCluster(limits);
  const members = await cluster.start(2);
  const [first, second] = members;
  let hasAsked = false;
  second.node.users.recheckAll = async () => {
    hasAsked = true;
  };
  second.broker.freeze();
  await cluster.memory.flush();
  const ordering = first.node.cluster.order('note', {});
  await expect.poll(() => first.node.stats().nodes).toBe(1); // the other one is not on the list
  second.broker.thaw();
  await ordering;
  expect(hasAsked).toBe(true);
  expect(second.node.stats().counts.ordersLost).toBe(1);
  expect(second.log.records.map(({ message }) => message)).toContain('orders_lost');
});

test('where the list of nodes alone is lost, an order waits for who is not on it', async () => {
  const limits = { ...hasty, nodeTtlMs: 4_000 };
  const cluster = new TestCluster(limits);
  const members = await cluster.start(2);
  const [first, second] = members;
  const [asked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  second.node.cluster.on('wait', anything, async () => {
    asked.resolve();
    await release.promise;
  });
  second.broker.freeze();
  for (const { node } of members) await cluster.memory.memory.removePresence('!nodes', node.id);
  let isOver = false;
  const ordering = first.node.cluster.order('wait', {}).finally(() => {
    isOver = true;
  });
  await expect.poll(() => first.node.stats().nodes).toBe(1);
  second.broker.thaw();
  await asked.promise;
  await expect.poll(() => first.node.stats().nodes).toBe(2);
  expect(isOver).toBe(false);
  release.resolve();
  await ordering;
});

test('an order that the broker does not take rejects as the broker does', async () => {
  const [first] = await new TestCluster().start(2);
  first.broker.cut();
  await expect(first.node.cluster.order('note', {})).rejects.toThrow('cut off');
  first.broker.mend();
});

const hostile: [string, string][] = [
  ['no JSON', 'garbage'],
  ['no message', '[]'],
  ['nobody’s', '{"type":"order","id":"1","kind":"note","data":1}'],
  ['without an id', '{"type":"order","from":"n1","kind":"note","data":1}'],
  ['of no type', '{"type":"eval","id":"1","from":"n1","kind":"note","data":1}'],
  ['with an id that is none', '{"type":"order","id":{"a":1},"from":"n1","kind":"note"}'],
  ['from somewhere else', '{"type":"order","id":"1","from":"../../etc","kind":"note"}'],
  ['with a prototype for a kind', '{"type":"order","id":"1","from":"n1","kind":"__proto__"}'],
  ['of an unknown kind', '{"type":"order","id":"1","from":"n1","kind":"shell","data":"rm"}'],
  ['of a kind that every object has', '{"type":"question","id":"1","from":"n1","kind":"toString"}'],
  [
    'that is too large',
    `{"type":"order","id":"1","from":"n1","kind":"note","data":"${'x'.repeat(280_000)}"}`,
  ],
  [
    'that is deep',
    `{"type":"order","id":"1","from":"n1","kind":"deep","data":${'['.repeat(50_000)}`,
  ],
];

test.each(hostile)('a message %s is ignored and counted', async (_, text) => {
  const members = await new TestCluster().start(2);
  const [first, second] = members;
  const noted = noteOrders(members);
  for (const [id, channel] of ['!control', inbox(second)].entries()) {
    const { counts } = second.node.stats();
    const data = text.replace('"id":"1"', `"id":"${id}"`);
    await first.broker.publish(channel, data, { history: null });
    await expect
      .poll(() => second.node.stats().counts.clusterRefused)
      .toBe(counts.clusterRefused + 1);
  }
  await first.node.cluster.order('note', 'still here');
  expect(noted).toEqual([[], ['still here']]);
});

test('an order of an unknown kind, or malformed, is not confirmed as done', async () => {
  const [first, second] = await new TestCluster().start(2);
  second.node.cluster.on(
    'strict',
    () => null,
    () => {},
  );
  await expect(first.node.cluster.order('nonsense', {})).rejects.toThrow(
    /no handler for the kind nonsense/,
  );
  await expect(first.node.cluster.order('strict', {})).rejects.toThrow(/strict is malformed/);
  expect(second.node.stats().counts.clusterRefused).toBe(2);
});

test('an answer of somebody else than who was asked changes nothing', async () => {
  const cluster = new TestCluster();
  const [first, second] = await cluster.start(2);
  const eve = cluster.memory.broker();
  const forged = Promise.withResolvers<unknown>();
  await eve.start({
    onPublication: (_, { data }) => {
      const { id: to, from } = JSON.parse(data) as { id: string; from: string };
      const answer = JSON.stringify({ type: 'answer', from: 'eve', to, data: 'forged' });
      forged.resolve(eve.publish(`!node:${from}`, answer, { history: null }));
    },
  });
  await eve.subscribe(inbox(second));
  second.node.cluster.on('slow', anything, async () => {
    await forged.promise;
    return 'true';
  });
  expect(await first.node.cluster.ask(second.node.id, 'slow', {})).toBe('true');
  await eve.stop();
});

test('an order that waits for others when its node stops rejects', async () => {
  const [first, second] = await new TestCluster().start(2);
  const begun = Promise.withResolvers<void>();
  second.node.cluster.on('hang', anything, async () => {
    begun.resolve();
    await new Promise(() => {});
  });
  const ordering = first.node.cluster.order('hang', {}).catch((error: unknown) => error);
  await begun.promise;
  await first.node.stop();
  expect(await ordering).toMatchObject({ nodes: [second.node.id] });
});

test('what is too large for other nodes is refused where it is said', async () => {
  const [first] = await new TestCluster().start(2);
  const large = 'x'.repeat(300_000);
  await expect(first.node.cluster.order('note', large)).rejects.toThrow(
    /at most 266240 characters/,
  );
});

test('one node is asked, and answers; those who ask it one after the other are answered in order', async () => {
  const [first, second] = await new TestCluster().start(2);
  const asked: unknown[] = [];
  second.node.cluster.on('double', anything, (data) => {
    asked.push(data);
    return 2 * Number(data);
  });
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  const answers = numbers.map((n) => first.node.cluster.ask(second.node.id, 'double', n));
  expect(await Promise.all(answers)).toEqual(numbers.map((n) => 2 * n));
  expect(asked).toEqual(numbers);
});

test('who asks a node that must be looked for first is not overtaken', async () => {
  const cluster = new TestCluster();
  const [first] = await cluster.start(1);
  const second = await cluster.startOne();
  const asked: unknown[] = [];
  second.node.cluster.on('note', anything, (data) => void asked.push(data));
  await new Promise((resolve) => setTimeout(resolve, 300)); // what was read then is old
  const presence = first.broker.presence.bind(first.broker);
  const readings: (() => void)[] = [];
  first.broker.presence = async (channel) => {
    await new Promise<void>((resolve) => {
      readings.push(resolve);
    });
    return await presence(channel);
  };
  const reading = first.node.cluster.nodes();
  await expect.poll(() => readings.length).toBe(1);
  const asking = [first.node.cluster.ask(second.node.id, 'note', 1)];
  readings[0]();
  await reading;
  asking.push(first.node.cluster.ask(second.node.id, 'note', 2)); // it is known by now
  await expect.poll(() => readings.length).toBe(2);
  readings[1]();
  await Promise.all(asking);
  first.broker.presence = presence;
  expect(asked).toEqual([1, 2]);
});

test('a node asks itself without asking the broker', async () => {
  const [first] = await new TestCluster().start(2);
  first.broker.cut();
  expect(await first.node.cluster.ask(first.node.id, 'stats', {})).toEqual(first.node.stats());
  first.broker.mend();
});

test('a node that there is not, one that cannot answer and one that does not are told apart', async () => {
  const [first, second] = await new TestCluster(hasty).start(2);
  const ask = (nodeId: string, kind: string) => first.node.cluster.ask(nodeId, kind, {});
  second.node.cluster.on('hang', anything, () => new Promise(() => {}));
  await expect(ask('nobody', 'stats')).rejects.toMatchObject({ code: 'NODE_GONE' });
  await expect(ask(second.node.id, 'nonsense')).rejects.toMatchObject({ code: 'UNANSWERED' });
  await expect(ask(second.node.id, 'hang')).rejects.toMatchObject({ code: 'UNANSWERED' });
  expect(first.node.stats().limits.answerTimeoutMs).toBe(1);
  first.broker.cut();
  await expect(ask(second.node.id, 'stats')).rejects.toThrow('cut off');
  first.broker.mend();
});

test('who asks for nodes that there are not makes the broker look for them a few times a second', async () => {
  const [first] = await new TestCluster().start(2);
  const presence = first.broker.presence.bind(first.broker);
  let looks = 0;
  first.broker.presence = async (channel) => {
    looks += 1;
    return await presence(channel);
  };
  const startedAt = performance.now();
  for (let n = 0; n < 500; n += 1) {
    await first.node.cluster.ask(`nobody-${n}`, 'stats', {}).catch(() => {});
  }
  expect(looks).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 250);
});

test('so many questions to one node wait at one time, and take no place of another’s', async () => {
  const limits = { ...calm, answerTimeoutMs: 20_000 };
  const [first, second, third] = await new TestCluster(limits).start(3);
  const release = Promise.withResolvers<void>();
  second.node.cluster.on('hang', anything, () => release.promise);
  const ask = ({ node }: ClusterMember, kind: string) =>
    first.node.cluster.ask(node.id, kind, {}).catch((error: unknown) => String(error));
  const refused: unknown[] = [];
  const asking = Array.from({ length: 201 }, async () => {
    const answer = await ask(second, 'hang');
    if (answer !== undefined) refused.push(answer);
  });
  await expect.poll(() => refused).toEqual([expect.stringContaining('Not asked: 200 other')]);
  expect(await ask(third, 'stats')).toMatchObject({ nodes: 3 });
  release.resolve();
  await Promise.all(asking);
  expect(await ask(second, 'stats')).toMatchObject({ nodes: 3 }); // the places are free again
});

test('a node without doors has nobody, and no order waits for it until it has one', async () => {
  const cluster = new TestCluster();
  const [first] = await cluster.start(1);
  const worker = await cluster.startWorker();
  const isAttached = async () =>
    (await first.node.cluster.nodes()).find(({ id }) => id === worker.node.id)?.isAttached;
  expect(await isAttached()).toBe(false);
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  worker.node.cluster.on('wait', anything, async () => {
    begun.resolve();
    await release.promise;
  });
  await first.node.cluster.order('wait', {});
  await begun.promise; // it carries it out, and nobody has waited for that
  attach(createServer(), worker.node);
  await expect.poll(isAttached, { timeout: 2_000 }).toBe(true); // before it would name itself again
  let isOver = false;
  const ordering = first.node.cluster.order('wait', {}).finally(() => {
    isOver = true;
  });
  await expect.poll(() => worker.node.stats().counts.ordersCarriedOut).toBe(2);
  await first.node.cluster.survey('stats', {});
  expect(isOver).toBe(false);
  release.resolve();
  await ordering;
});

test('a node that could not begin to talk with the others stops its broker, and says why', async () => {
  const broker = new SharedMemory().broker();
  let isStopped = false;
  const stop = broker.stop.bind(broker);
  broker.stop = async () => {
    isStopped = true;
    await stop();
  };
  broker.addPresence = async () => await Promise.reject(new Error('read only'));
  const node = new Node({ authenticate: () => null, broker });
  await expect(node.start()).rejects.toThrow('read only');
  expect(isStopped).toBe(true);
  expect(node.readiness).toBe('starting');
});

test('a survey has the answer of every node that has one, and why there is none of the others', async () => {
  const members = await new TestCluster(hasty).start(3);
  const [first, second, third] = members;
  first.node.cluster.on('who', anything, () => 'first');
  second.node.cluster.on('who', anything, (_, from) => ({ asked: from }));
  const answers = await first.node.cluster.survey('who', {});
  expect(answers.get(first.node.id)).toEqual({ answer: 'first' });
  expect(answers.get(second.node.id)).toEqual({ answer: { asked: first.node.id } });
  expect(answers.get(third.node.id)).toEqual({ error: expect.stringContaining('no handler') });
});

test('what is only mentioned comes to whom it concerns, and is no fault of who does not know it', async () => {
  const members = await new TestCluster(calm).start(3);
  const [first, second, third] = members;
  const mentioned = Promise.withResolvers<unknown>();
  second.node.cluster.on('hint', anything, (data) => mentioned.resolve(data));
  await first.node.cluster.broadcast('hint', { id: 1 });
  expect(await mentioned.promise).toEqual({ id: 1 });
  await first.node.cluster.survey('stats', {}); // all have heard it
  expect(third.node.stats().counts.clusterRefused).toBe(0);
  const { publications } = await first.broker.history('!control', 0);
  expect(publications).toEqual([]);
});

test.each([
  [{ nodeIntervalMs: 7_000 }, /nodeIntervalMs must be smaller than limits.nodeTtlMs/],
  [{ nodeTtlMs: 10_000 }, /nodeTtlMs must be smaller than limits.orderTimeoutMs/],
])('times that cannot work together are refused: %j', (limits, message) => {
  expect(() => new Node({ authenticate: () => null, limits })).toThrow(message);
});

test('a kind has one handler', async () => {
  const [first] = await new TestCluster().start(1);
  expect(() => first.node.cluster.on('stats', anything, () => {})).toThrow(/has a handler already/);
});
