import { expect, test } from 'vitest';
import { hashPassword, isPassword } from '@/auth/password';

test('a password is found again, and only that one', async () => {
  const hash = await hashPassword('Blaubär 🐻');
  expect(hash).toMatch(/^scrypt\$32768\$[\w+/=]{24}\$[\w+/=]{44}$/);
  expect(await isPassword('Blaubär 🐻', hash)).toBe(true);
  expect(await isPassword('Blaubär 🐻'.normalize('NFD'), hash)).toBe(true);
  expect(await isPassword('blaubär 🐻', hash)).toBe(false);
  expect(await hashPassword('Blaubär 🐻')).not.toBe(hash);
});

test('without a hash no password is right', async () => {
  expect(await isPassword('', null)).toBe(false);
});
