import { expect, test } from 'vitest';
import type { AuthUser } from '../src/context/AuthContext.tsx';
import { placeAt } from '../src/layout/sections.ts';

const member: AuthUser = {
  id: 'ada',
  email: 'ada@acme.test',
  name: 'Ada',
  role: 'admin',
  tenantId: 'acme',
  tenants: [{ id: 'acme', name: 'Acme', role: 'admin' }],
};
const staff: AuthUser = { ...member, id: 'root', tenantId: null, tenants: [] };
const placeOf = (path: string, user: AuthUser) => {
  const place = placeAt(path, user);
  return place && [place.section.path, place.id];
};

test.each([
  ['/', '/users', null],
  ['/users', '/users', null],
  ['/chat', '/chat', null],
  ['/chat/', '/chat', null],
  ['/chat/general', '/chat', 'general'],
  ['/products/usb%20c', '/products', 'usb c'],
  ['/products/%', '/products', '%'],
])('%s of a tenant’s user leads to %s', (path, section, id) => {
  expect(placeOf(path, member)).toEqual([section, id]);
});

test('an address of the other side of the wall leads home', () => {
  expect(placeOf('/platform', member)).toEqual(['/users', null]);
  expect(placeOf('/chat/general', staff)).toEqual(['/platform', null]);
  expect(placeOf('/audit', staff)).toEqual(['/audit', null]);
});

test('both sides of the wall have operations', () => {
  expect(placeOf('/operations', member)).toEqual(['/operations', null]);
  expect(placeOf('/operations', staff)).toEqual(['/operations', null]);
});

test('any other address leads nowhere', () => {
  expect(placeOf('/nothing', member)).toBeNull();
  expect(placeOf('/chat/general/more', member)).toBeNull();
});
