import { expect, test } from 'vitest';
import { NAME, PRICE, STOCK } from '../src/products/kinds.ts';

test.each([
  ['12', 1200],
  ['12.5', 1250],
  ['12,05', 1205],
  ['€ 0.99', 99],
  [' 7 ', 700],
  ['1000000', 100_000_000],
])('the price %j is %i cents', (text, cents) => {
  expect(PRICE.fromText(text)).toBe(cents);
});

test.each(['', '-1', '1.234', '1.', 'abc', '1000000.01', '1e3', 'NaN'])(
  '%j is no price',
  (text) => {
    expect(PRICE.fromText(text)).toBeNull();
  },
);

test('what the field begins with is read as the same price again', () => {
  for (const cents of [0, 1, 10, 99, 100, 4950, 100_000_000]) {
    expect(PRICE.fromText(PRICE.toText(cents))).toBe(cents);
  }
});

test.each(['', '-1', '1.5', 'x', '1000001', '10 000'])('%j is no stock', (text) => {
  expect(STOCK.fromText(text)).toBeNull();
});

test('a stock is a whole number', () => {
  expect(STOCK.fromText(' 120 ')).toBe(120);
  expect(STOCK.fromText('0')).toBe(0);
});

test('a name has something in it, and an end', () => {
  expect(NAME.fromText('  Desk lamp ')).toBe('Desk lamp');
  expect(NAME.fromText('   ')).toBeNull();
  expect(NAME.fromText('x'.repeat(121))).toBeNull();
});
