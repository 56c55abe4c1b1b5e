import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const KEY_BYTES = 32;
const COST = 2 ** 15;

// Compared against when there is no such user, so that the answer takes as long as for a wrong
// password and does not tell who has an account.
const NOBODY = `scrypt$${COST}$${randomBytes(16).toString('base64')}$${randomBytes(KEY_BYTES).toString('base64')}`;

/** What to store of a password: `scrypt$cost$salt$key`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await deriveKey(password, salt, COST);
  return `scrypt$${COST}$${salt.toString('base64')}$${key.toString('base64')}`;
}

/** Is this the password of that hash? Takes equally long without a hash, and says no. */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const [, cost, salt = '', key = ''] = (hash ?? NOBODY).split('$');
  const expected = Buffer.from(key, 'base64');
  const actual = await deriveKey(password, Buffer.from(salt, 'base64'), Number(cost));
  return timingSafeEqual(actual, expected) && hash !== null;
}

function deriveKey(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  // scrypt refuses to use more than 32 MiB unless it is told to.
  return derive(password.normalize('NFC'), salt, KEY_BYTES, { N: cost, maxmem: 64 * 1024 * 1024 });
}
