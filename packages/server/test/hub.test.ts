import { channelKey } from '@trunkline/contract';
import { expect, test, vi } from 'vitest';
import { allChannel, connected, globex, roomChannel, serve, watchSessions } from './harness.ts';

test('a subscriber in a channel of a foreign realm gets nothing, is closed and counted', async () => {
  const { sessions, createSession } = watchSessions();
  const server = await serve({}, { createSession });
  const client = await connected(server, 'acme/ada');
  const neighbour = await connected(server, 'globex/cleo');
  const [session] = sessions;
  if (!session) throw new Error('no session');
  const deliver = vi.fn<() => void>();
  const key = channelKey(allChannel(globex));
  await server.node.subscribe(key, {
    id: session.id,
    principal: session.principal,
    deliver,
    lose: () => {},
    deliverPresenceChange: () => {},
    close: (disconnect) => session.close(disconnect),
  });
  await server.node.publish(allChannel(globex), '"secret"');
  expect(await client.closed()).toBe(3004);
  expect(client.frames.join()).not.toContain('secret');
  expect(deliver).not.toHaveBeenCalled();
  await neighbour.publication('secret');
  expect(server.node.stats().counts.isolationViolations).toBe(1);
});

test('one publication is encoded once for all its subscribers', async () => {
  const server = await serve();
  const lines: unknown[] = [];
  const key = channelKey(roomChannel('chat:1'));
  for (let n = 0; n < 3; n += 1) {
    await server.node.subscribe(key, {
      id: `${n}`,
      principal: { userId: 'ada', realm: roomChannel('chat:1').realm, roles: [] },
      deliver: (_publication, _epoch, push) => lines.push(push),
      lose: () => {},
      deliverPresenceChange: () => {},
      close: () => {},
    });
  }
  await server.node.publish(roomChannel('chat:1'), '1');
  expect(lines).toHaveLength(3);
  expect(new Set(lines).size).toBe(1);
});
