import { type ClientInfo, MemoryBroker } from '@trunkline/server';
import { expect, test } from 'vitest';
import { connected, serve } from './harness.ts';

const rooms = { 'desk:*': { authorize: () => true, presence: true } };

/** Counts what is asked of it, and fails when it is told to. */
class CountingBroker extends MemoryBroker {
  reads = 0;
  isDown = false;

  override async presence(channel: string): Promise<readonly ClientInfo[]> {
    this.reads += 1;
    if (this.isDown) throw new Error('away');
    return await super.presence(channel);
  }
}

async function meeting() {
  const broker = new CountingBroker();
  const server = await serve({ rooms, broker });
  const clients = await Promise.all(
    ['ada', 'ben', 'cleo'].map((userId) => connected(server, `acme/${userId}`)),
  );
  for (const client of clients) await client.ask(2, { subscribe: { channel: 'desk:1' } });
  const ask = { rpc: { method: 'trunkline:presence', data: { room: 'desk:1' } } };
  return { broker, server, clients, ask };
}

test('those who ask at the same time who is in a room are answered by one reading', async () => {
  const { broker, clients, ask } = await meeting();
  const before = broker.reads;
  const replies = await Promise.all(
    clients.flatMap((client) => [3, 4, 5, 6].map((id) => client.ask(id, ask))),
  );
  for (const { rpc } of replies) expect(rpc?.data).toMatchObject({ total: 3 });
  expect(broker.reads).toBe(before + 1);
});

test('whoever asks after somebody has come or gone is told so', async () => {
  const { server, clients, ask } = await meeting();
  const [client] = clients as [(typeof clients)[0]];
  expect((await client.ask(3, ask)).rpc?.data).toMatchObject({ total: 3 });
  const dora = await connected(server, 'acme/dora');
  await dora.ask(2, { subscribe: { channel: 'desk:1' } });
  expect((await client.ask(4, ask)).rpc?.data).toMatchObject({ total: 4 });
  await dora.ask(3, { unsubscribe: { channel: 'desk:1' } });
  await dora.ask(4, { presence: { channel: 'desk:1' } });
  expect((await client.ask(5, ask)).rpc?.data).toMatchObject({ total: 3 });
});

test('a reading that has failed is not kept', async () => {
  const { broker, clients, ask } = await meeting();
  const [client] = clients as [(typeof clients)[0]];
  broker.isDown = true;
  expect((await client.ask(3, ask)).error?.code).toBe(100);
  broker.isDown = false;
  expect((await client.ask(4, ask)).rpc?.data).toMatchObject({ total: 3 });
});
