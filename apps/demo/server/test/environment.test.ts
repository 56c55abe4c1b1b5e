import { expect, test } from 'vitest';
import { readEnvironment } from '@/environment';

test('has a default for everything', () => {
  const environment = readEnvironment({});
  expect(environment).toEqual({
    PORT: 3000,
    DATA_DIR: expect.stringMatching(/\/\.data$/),
    REDIS_PREFIX: 'trunkline-demo',
    DRAIN: 'quick',
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

test('takes what makes it one of several nodes', () => {
  const variables = { REDIS_URL: 'rediss://cache:6380', TRUSTED_PROXIES: '10.0.0.0/8, loopback' };
  expect(readEnvironment(variables)).toMatchObject({
    REDIS_URL: 'rediss://cache:6380',
    TRUSTED_PROXIES: ['10.0.0.0/8', 'loopback'],
  });
  const wrong = { REDIS_URL: 'cache:6379', REDIS_PREFIX: 'a:b', TRUSTED_PROXIES: 'nginx' };
  expect(() => readEnvironment({ ...wrong, DRAIN: 'slow' })).toThrow(
    [
      'REDIS_URL must be a URL like redis://:password@localhost:6379, got "cache:6379"',
      'REDIS_PREFIX must be up to 64 letters, digits, dots, _ and -, got "a:b"',
      'TRUSTED_PROXIES must be addresses or networks with commas between them, like 10.0.0.0/8,127.0.0.1, got "nginx"',
      'DRAIN must be quick or deploy, got "slow"',
    ].join('\n'),
  );
});
