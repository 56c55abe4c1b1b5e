import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { channelKey } from '@trunkline/contract';
import { Node, type OnIsolationViolation } from '@trunkline/server';
import { expect, test } from 'vitest';
import { allChannel, connected, fromToken, globex, serve, watchSessions } from './harness.ts';

const key = channelKey(allChannel(globex));

test('the alarm counts, says it, puts it on record and closes the session', async () => {
  const { sessions, createSession } = watchSessions();
  const server = await serve({}, { createSession });
  const client = await connected(server, 'acme/ada');
  const [session] = sessions;
  if (!session) throw new Error('no session');
  await server.node.subscribe(key, {
    id: session.id,
    principal: session.principal,
    deliver: () => {},
    lose: () => {},
    deliverPresenceChange: () => {},
    close: (disconnect) => session.close(disconnect),
  });
  await server.node.publish(allChannel(globex), '"secret"');
  expect(await client.closed()).toBe(3004);
  expect(server.node.stats().counts.isolationViolations).toBe(1);
  expect(server.log.records).toContainEqual({
    level: 'error',
    message: 'isolation_violation',
    fields: { client: session.id, realm: 'tenant acme', channel: key },
  });
  expect(server.audit.records).toEqual([
    {
      id: expect.any(String),
      node: server.node.id,
      at: expect.any(Number),
      action: 'isolation-violation',
      outcome: 'denied',
      realm: { kind: 'tenant', tenantId: 'acme' },
      userId: 'ada',
      clientId: session.id,
      details: { channel: key },
    },
  ]);
  expect(JSON.stringify(server.audit.records)).not.toContain('secret');
});

test("anything but 'close' or 'exit' is refused", () => {
  const make = () =>
    new Node({ authenticate: fromToken, onIsolationViolation: 'throw' as OnIsolationViolation });
  expect(make).toThrow("onIsolationViolation is 'close' or 'exit', got \"throw\"");
});

/** A node of its own process in which a delivery is about to leave its realm. */
const violated = (onIsolationViolation: OnIsolationViolation) => `
  import { Node } from '@trunkline/server';
  const node = new Node({
    authenticate: () => null,
    log: { info() {}, warn() {}, error() {} },
    onIsolationViolation: ${JSON.stringify(onIsolationViolation)},
  });
  await node.start();
  const realm = { kind: 'tenant', tenantId: 'acme' };
  await node.subscribe(${JSON.stringify(key)}, {
    id: 'client-1',
    principal: { userId: 'ada', realm, roles: [] },
    deliver() {},
    lose() {},
    deliverPresenceChange() {},
    close: ({ code }) => console.log('closed with ' + code),
  });
  await node.publish({ realm: ${JSON.stringify(globex)}, target: { kind: 'all' } }, '"secret"');
  await new Promise(setImmediate);
  console.log('still here');
  await node.stop();
`;

async function run(script: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const args = ['--conditions=@trunkline/source', '--input-type=module', '--eval', script];
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { promise, resolve } = Promise.withResolvers<{
    code: unknown;
    stdout: string;
    stderr: string;
  }>();
  execFile(process.execPath, args, { cwd }, (error, stdout, stderr) =>
    resolve({ code: error?.code ?? 0, stdout, stderr }),
  );
  return await promise;
}

test("with 'exit' the process fails, after the connection was closed and all was put on record", async () => {
  const { code, stdout, stderr } = await run(violated('exit'));
  expect(code).toBe(1);
  expect(stderr).toContain('IsolationViolationError: A delivery of t.globex:a to tenant acme');
  expect(stdout).toContain('closed with 3004');
  expect(stdout).toContain('"action":"isolation-violation"');
  expect(stdout).not.toContain('still here');
});

test("with 'close' it lives on; records go to standard output as lines of JSON", async () => {
  const { code, stdout, stderr } = await run(violated('close'));
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('still here');
  const record = stdout.split('\n').find((line) => line.startsWith('{')) ?? '';
  expect(JSON.parse(record)).toMatchObject({
    level: 50,
    name: 'audit',
    msg: 'isolation-violation',
    action: 'isolation-violation',
    userId: 'ada',
  });
});
