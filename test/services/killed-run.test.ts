import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { missingForCluster } from '../e2e/demo-cluster.ts';
import { needs, ownRedisForTests } from './for-tests.ts';
import { TemporaryFolder } from './temporary-folder.ts';

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

const demoCluster = JSON.stringify(new URL('../e2e/demo-cluster.ts', import.meta.url));
const startsNodes = `
  const { DemoCluster } = await import(${demoCluster});
  await DemoCluster.start({ nodes: 2 });
`;

/** In place of the demo: one that never answers, and leaves its pid in the folder. */
const neverAnswers = `
  require('node:fs').writeFileSync('pid-' + process.pid, '');
  setInterval(() => {}, 1000);
`;

test(
  'a run that is killed while its nodes start takes them along',
  needs({ missing: missingForCluster() }),
  async () => {
    const folder = await TemporaryFolder.make('killed-run');
    onTestFinished(() => folder.remove());
    await mkdir(join(folder.path, 'apps/demo/server/dist'), { recursive: true });
    await writeFile(join(folder.path, 'apps/demo/server/dist/main.js'), neverAnswers);
    const args = ['--input-type=module', '--eval', startsNodes];
    const run = spawn(process.execPath, args, { cwd: folder.path, stdio: 'inherit' });
    onTestFinished(() => void run.kill('SIGKILL'));
    const pids = async () =>
      (await readdir(folder.path)).flatMap((name) =>
        name.startsWith('pid-') ? [+name.slice(4)] : [],
      );
    onTestFinished(async () => {
      for (const pid of (await pids()).filter(isAlive)) process.kill(pid, 'SIGKILL');
    });
    await expect.poll(pids, { timeout: 20_000 }).toHaveLength(2);
    expect((await pids()).filter(isAlive)).toHaveLength(2);

    run.kill('SIGKILL');
    await expect.poll(async () => (await pids()).filter(isAlive), { timeout: 10_000 }).toEqual([]);
  },
);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
