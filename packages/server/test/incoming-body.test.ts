// Bodies that do not come: whose they are, and at whose cost there is room for others.
import { type ClientRequest, request as httpRequest } from 'node:http';
import type { Limits } from '@trunkline/server';
import { expect, onTestFinished, test } from 'vitest';
import { serve, type TestServer } from './harness.ts';
import { answerTo, ask, JSON_TYPE, requestsBegun, streaming } from './raw-stream.ts';

const headersFrom = (address: string) => ({ ...JSON_TYPE, 'x-forwarded-for': address });

const serveBehindProxy = async (limits: Partial<Limits>) =>
  await serve({ limits }, { trustedProxies: ['loopback'] });

/** A POST from an address whose body does not come, and the status that it gets in the end. */
function begin(server: TestServer, address: string) {
  const request: ClientRequest = httpRequest(`${server.httpUrl}/emulation`, {
    method: 'POST',
    headers: headersFrom(address),
    agent: false,
  });
  onTestFinished(() => void request.destroy());
  const status = answerTo(request).then(
    (answer) => answer.status,
    () => null,
  );
  request.write('{');
  return { request, status };
}

/** Several of them, the oldest first. */
async function beginEach(server: TestServer, ...addresses: string[]) {
  const begun = [];
  for (const address of addresses) {
    const isHere = requestsBegun(1);
    begun.push(begin(server, address));
    await isHere;
  }
  return begun;
}

const post = async (server: TestServer, address: string, body = '{}') =>
  await ask(`${server.httpUrl}/emulation`, { method: 'POST', headers: headersFrom(address), body });

test('one address full of bodies that do not come keeps nobody else out', async () => {
  const server = await serveBehindProxy({ maxUnauthenticated: 6, maxUnauthenticatedPerAddress: 4 });
  const stream = await streaming(server, 'acme/ada');
  const { session, node } = await stream.connected();
  const isFull = requestsBegun(20);
  const attacking = setInterval(() => begin(server, '192.0.2.66'), 5);
  onTestFinished(() => clearInterval(attacking));
  await isFull;
  for (let id = 2; id < 52; id += 1) {
    const body = JSON.stringify({ session, node, data: JSON.stringify({ id, rpc: {} }) });
    expect((await post(server, '192.0.2.1', body)).status).toBe(204);
    await stream.reply(id);
  }
  expect(server.node.stats().limits).toMatchObject({ maxUnauthenticated: 0 });
  expect(server.node.stats().limits.maxUnauthenticatedPerAddress).toBeGreaterThan(0);
});

test('an address with too many gets 429, until its own slowest has taken a second', async () => {
  const server = await serveBehindProxy({ maxUnauthenticatedPerAddress: 2 });
  const [other, slowest, ...slow] = await beginEach(
    server,
    '192.0.2.1',
    '192.0.2.66',
    '192.0.2.66',
  );
  const refused = await post(server, '192.0.2.66');
  expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  expect(server.node.stats().limits.maxUnauthenticatedPerAddress).toBe(1);
  const again = async () => (await post(server, '192.0.2.66')).status;
  await expect.poll(again, { timeout: 5_000 }).toBe(400);
  expect(await slowest?.status).toBe(408);
  for (const body of [other, ...slow]) {
    body?.request.end('}');
    expect(await body?.status).toBe(400);
  }
});

test('the addresses of one host’s IPv6 network count as one', async () => {
  const server = await serveBehindProxy({ maxUnauthenticatedPerAddress: 2 });
  await beginEach(server, '2001:db8:0:1::1', '2001:db8:0:1::2');
  expect((await post(server, '2001:db8:0:1::3')).status).toBe(429);
  expect((await post(server, '2001:db8:0:2::1')).status).toBe(400);
});

test('when all places are taken, the oldest of who has most makes way for who has less', async () => {
  const server = await serveBehindProxy({ maxUnauthenticated: 4 });
  const [one, oldest, ...many] = await beginEach(
    server,
    '192.0.2.1',
    '192.0.2.66',
    '192.0.2.66',
    '192.0.2.66',
  );
  expect((await post(server, '192.0.2.66')).status).toBe(503); // nobody has more than it has
  expect((await post(server, '192.0.2.2')).status).toBe(400);
  expect(await oldest?.status).toBe(408);
  for (const body of [one, ...many]) {
    body?.request.end('}');
    expect(await body?.status).toBe(400);
  }
  expect(server.node.stats().limits.maxUnauthenticated).toBe(1);
});
