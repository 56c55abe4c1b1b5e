import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serverFolder } from '@/folders';

const main = join(serverFolder, 'dist', 'main.js');

/** How a process has ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** Starts the built demo, as `npm start` does. */
export function startDemo(environment: Record<string, string>) {
  if (!existsSync(main)) throw new Error(`${main} is missing: npm run build`);
  const child = spawn(process.execPath, ['--enable-source-maps', main], {
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const check of waiting) check();
    });
  }
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, output }));
  const ready = new Promise<string>((resolve, reject) => {
    waiting.add(() => {
      const url = /http:\/\/localhost:\d+/.exec(output)?.[0];
      if (url && output.includes('Ctrl-C')) resolve(url);
    });
    void ended.then(() => reject(new Error(`The demo did not start:\n${output}`)));
  });
  // A test that expects the end does not look at `ready`.
  ready.catch(() => {});
  return { ready, ended, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}
