import { expect, test } from 'vitest';
import { idOf, problemOfId } from '../src/platform/tenant-id.ts';

test.each([
  ['Initech', 'initech'],
  ['Initech Ltd.', 'initech-ltd'],
  ['Gruß & Söhne', 'gruss-sohne'],
  ['Café & Söhne', 'cafe-sohne'],
  ['42 Monkeys', 'monkeys'],
  ['—', ''],
  ['A very long name that goes on and on and on', 'a-very-long-name-that-goes-on-a'],
])('%j suggests the id %j', (name, id) => {
  expect(idOf(name)).toBe(id);
});

test('every id that is suggested is one that is accepted', () => {
  expect(problemOfId(idOf('Initech Ltd.'))).toBeNull();
  expect(problemOfId(idOf('A very long name that goes on and on and on'))).toBeNull();
});

test.each(['', '1a', '-a', 'A', 'a b', 'a_b', `a${'b'.repeat(31)}`])('%j is no id', (id) => {
  expect(problemOfId(id)).not.toBeNull();
});
