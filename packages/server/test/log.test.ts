import { describeError, type Log, Node } from '@trunkline/server';
import { expect, test } from 'vitest';
import { connected, fromToken, serve, userChannel } from './harness.ts';

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('disk full');
    },
  ],
  ['rejects', async () => await Promise.reject(new Error('disk full'))],
])('a log that %s stops nothing', async (_name, fail) => {
  const log = { info: fail, warn: fail, error: fail } as Log;
  const server = await serve({ log, roomsOf: () => ['a bad name'] });
  const client = await connected(server, 'acme/ada');
  await server.node.publish(userChannel('ada'), '1');
  expect(await client.publication(1)).toHaveProperty('push');
});

test('a log is called as a method', () => {
  class Lines implements Log {
    readonly lines: string[] = [];
    info(message: string) {
      this.lines.push(message);
    }
    warn = () => {};
    error = () => {};
  }
  const log = new Lines();
  new Node({ authenticate: fromToken, log }).log.info('hello');
  expect(log.lines).toEqual(['hello']);
});

test.each<[string, unknown, string]>([
  ['a plain error', new TypeError('no'), 'TypeError: no'],
  [
    'a system error',
    Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
    'Error ECONNREFUSED: refused',
  ],
  ['the deepest cause', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'c'],
  ['something else', 7, '7'],
  ['what has no text', Object.create(null), 'an error that cannot be described'],
  ['a long one', new Error('x'.repeat(1_000)), `Error: ${'x'.repeat(293)}`],
])('describes %s', (_name, error, description) => {
  expect(describeError(error)).toBe(description);
});

test('describes an error that is its own cause', () => {
  const error = new Error('round');
  error.cause = error;
  expect(describeError(error)).toBe('Error: round');
});
