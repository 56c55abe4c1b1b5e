import { isEventType, matchesEventType, REFRESH_EVENT } from '@trunkline/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const segment = fc.string({
  unit: fc.constantFrom(...'abcxyz019._-'.split('')),
  minLength: 1,
  maxLength: 12,
});
const eventType = fc
  .array(segment, { minLength: 1, maxLength: 5 })
  .map((segments) => segments.join(':'));

describe('isEventType', () => {
  it.each([
    'operation:progress',
    'chat:message',
    'data:product:updated',
    'tenant:admin:notification',
    'custom:event',
    'ping',
    'a.b-c_d:0',
    'x'.repeat(128),
    REFRESH_EVENT,
  ])('takes %s', (type) => {
    expect(isEventType(type)).toBe(true);
  });

  it.each([
    undefined,
    null,
    42,
    {},
    ['chat:message'],
    '',
    ':',
    'chat:',
    ':message',
    'chat::message',
    'Chat:message',
    'chat message',
    'chat:*',
    '*',
    'chat:message\n',
    'é',
    'x'.repeat(129),
  ])('refuses %j', (type) => {
    expect(isEventType(type)).toBe(false);
  });

  it('takes every joined list of segments, in reasonable time', () => {
    fc.assert(fc.property(eventType, (type) => isEventType(type)));
    const start = performance.now();
    isEventType(`${'a'.repeat(127)}!`);
    isEventType(`${'a:'.repeat(63)}!`);
    expect(performance.now() - start).toBeLessThan(50);
  });
});

describe('matchesEventType', () => {
  it.each([
    ['chat:message', 'chat:message', true],
    ['chat:message', 'chat:typing', false],
    ['chat:message', 'chat:message:edited', false],
    ['data:*', 'data:product:updated', true],
    ['data:product:*', 'data:product:updated', true],
    ['data:*', 'data', false],
    ['data:*', 'database:updated', false],
    ['data:*', 'xdata:updated', false],
    ['*', 'anything:at:all', true],
    ['d*', 'data', false],
    ['*:updated', 'data:updated', false],
  ])('%s on %s: %s', (pattern, type, matches) => {
    expect(matchesEventType(pattern, type)).toBe(matches);
  });

  it('matches a type by itself, by each of its prefixes, and by *', () => {
    fc.assert(
      fc.property(eventType, (type) => {
        const segments = type.split(':');
        const prefixes = segments.slice(1).map((_, n) => `${segments.slice(0, n + 1).join(':')}:*`);
        for (const pattern of [type, '*', ...prefixes]) {
          expect(matchesEventType(pattern, type)).toBe(true);
        }
      }),
    );
  });
});
