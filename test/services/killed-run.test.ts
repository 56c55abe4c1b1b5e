import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests } from './for-tests.ts';

const startsOne = `
  const { startRedis } = await import(${JSON.stringify(new URL('./redis.ts', import.meta.url))});
  const server = await startRedis();
  if (process.argv[1] === 'paused') server.pause();
  console.log(server.url);
`;

test.each(['running', 'paused'])(
  'a run that is killed takes a %s server along',
  needs(ownRedisForTests()),
  async (state) => {
    const args = ['--input-type=module', '--eval', startsOne, '--', state];
    const run = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void run.kill('SIGKILL'));
    const [url] = await once(run.stdout.setEncoding('utf8'), 'data');
    const port = Number(new URL(url).port);
    const connection = connect(port, '127.0.0.1').resume();
    await once(connection, 'connect');
    // What a frozen one has not taken yet ends in a reset: an error, and then the end.
    const ended = new Promise((resolve) => {
      connection.on('error', () => {}).once('close', resolve);
    });

    run.kill('SIGKILL');
    await ended;
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
  },
);
