import { describe, expect, test } from 'vitest';
import {
  newerOf,
  type Product,
  withList,
  withoutProduct,
  withProduct,
} from '../src/products/catalogue.ts';

const product = (id: string, version: number): Product => ({
  id,
  tenantId: 'acme',
  name: id,
  price: version * 100,
  stock: 1,
  version,
  updatedAt: '2026-01-01T00:00:00.000Z',
  updatedBy: null,
});
const lamp = (version: number) => product('lamp', version);
const chair = (version: number) => product('chair', version);

describe('of two versions of a product', () => {
  test('the higher one counts, in either order', () => {
    expect(newerOf(lamp(2), lamp(1))).toEqual(lamp(2));
    expect(newerOf(lamp(1), lamp(2))).toEqual(lamp(2));
    expect(newerOf(undefined, lamp(1))).toEqual(lamp(1));
  });
});

describe('a catalogue', () => {
  test('takes an update in its place', () => {
    const catalogue = withProduct(withList(undefined, [lamp(1), chair(1)]), lamp(2));
    expect(catalogue.products).toEqual([lamp(2), chair(1)]);
  });

  test('is not set back by an update that comes late', () => {
    const catalogue = withProduct(withList(undefined, [lamp(3)]), lamp(2));
    expect(catalogue.products).toEqual([lamp(3)]);
  });

  test('is not set back by a list that was on its way', () => {
    const before = withProduct(undefined, lamp(5));
    expect(before.isLoaded).toBe(false);
    expect(withList(before, [lamp(4), chair(1)]).products).toEqual([lamp(5), chair(1)]);
  });

  test('forgets a deleted product, whatever comes afterwards', () => {
    const deleted = withoutProduct(withList(undefined, [lamp(1), chair(1)]), 'lamp');
    expect(deleted.products).toEqual([chair(1)]);
    expect(withProduct(deleted, lamp(2)).products).toEqual([chair(1)]);
    expect(withList(deleted, [lamp(1), chair(1)]).products).toEqual([chair(1)]);
  });

  test('drops what the list has no more', () => {
    const catalogue = withList(withList(undefined, [lamp(1), chair(1)]), [chair(1)]);
    expect(catalogue).toEqual({ products: [chair(1)], deleted: [], isLoaded: true });
  });
});
