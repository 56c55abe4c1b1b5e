import { formatCount } from '../ui/numbers.ts';

/** How a value of a product is shown, and read again from what somebody has typed. */
export interface Kind<T> {
  readonly format: (value: T) => string;
  /** What the field begins with. */
  readonly toText: (value: T) => string;
  /** `null` when it cannot be read. */
  readonly fromText: (text: string) => T | null;
  /** What is expected. */
  readonly hint: string;
}

const euros = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' });
const MAX_CENTS = 100_000_000;
const MAX_STOCK = 1_000_000;
const MAX_NAME_LENGTH = 120;

/** A price in cents. */
export const PRICE: Kind<number> = {
  format: (cents) => euros.format(cents / 100),
  toText: (cents) => (cents / 100).toFixed(2),
  fromText: (text) => {
    const match = /^€?\s*(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(text.trim());
    if (!match) return null;
    const cents = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
    return cents <= MAX_CENTS ? cents : null;
  },
  hint: 'A price like 12.50',
};

/** How many there are. */
export const STOCK: Kind<number> = {
  format: formatCount,
  toText: String,
  fromText: (text) => {
    if (!/^\d{1,7}$/.test(text.trim())) return null;
    const count = Number(text);
    return count <= MAX_STOCK ? count : null;
  },
  hint: 'A whole number',
};

/** What it is called. */
export const NAME: Kind<string> = {
  format: (name) => name,
  toText: (name) => name,
  fromText: (text) => {
    const name = text.trim();
    return name === '' || name.length > MAX_NAME_LENGTH ? null : name;
  },
  hint: `1 to ${MAX_NAME_LENGTH} characters`,
};
