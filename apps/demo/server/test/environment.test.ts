import { expect, test } from 'vitest';
import { readEnvironment } from '@/environment';

test('has a default for everything', () => {
  const environment = readEnvironment({});
  expect(environment).toEqual({
    PORT: 3000,
    DATA_DIR: expect.stringMatching(/\/\.data$/),
    IMPORT_PACE_MS: 0,
    HTTP_ADAPTER: 'express',
    NODE_ENV: 'development',
  });
});

test('an empty variable counts as absent', () => {
  expect(readEnvironment({ PORT: '', DATABASE_URL: '' })).toMatchObject({ PORT: 3000 });
});

test('says of every wrong one what is expected and what came', () => {
  const wrong = { PORT: '80a', DATABASE_URL: 'mysql://x', HTTP_ADAPTER: 'koa', SMTP_URL: 'mail' };
  expect(() => readEnvironment(wrong)).toThrow(
    [
      'PORT must be a whole number from 0 to 65535, e.g. PORT=100, got "80a"',
      'DATABASE_URL must be a URL like postgres://user:password@localhost:5432/demo, got "mysql://x"',
      'SMTP_URL must be a URL like smtp://user:password@localhost:587, got "mail"',
      'HTTP_ADAPTER must be express or fastify, got "koa"',
    ].join('\n'),
  );
  expect(() => readEnvironment({ PORT: '70000' })).toThrow(
    /^PORT must be a whole number .* got "70000"$/,
  );
});
