// `npm run dev`: every part watches its own sources. Packages and types: tsc; the demo's server: a
// Vite build that Node.js restarts on; the demo's pages: Vite's dev server, which proxies to it.
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const built = 'apps/demo/server/dist/main.js';

let stopping = false;
const children = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0));

const began = Date.now();
start('types', 'tsc -b --watch --preserveWatchOutput apps/demo/server apps/demo/web');
// A file that is removed and written again is lost to `node --watch`: the build must not empty dist.
start('build', 'vite build apps/demo/server --watch --emptyOutDir false --logLevel warn');
start('web', 'vite apps/demo/web');
await firstBuild();
if (!stopping) start('server', `node --watch --enable-source-maps ${built}`);

/** The watching build begins with a build: a server from before it would be restarted at once. */
async function firstBuild() {
  // oxlint-disable-next-line no-unmodified-loop-condition -- Ctrl-C sets `stopping`
  while (!stopping && statSync(built).mtimeMs < began && Date.now() - began < 15_000) {
    // oxlint-disable-next-line no-await-in-loop -- it waits for a file
    await sleep(100);
  }
}

function start(name, line) {
  const [command, ...args] = line.split(' ');
  // A process group of its own: Ctrl-C reaches it through `stop` only, and in one orderly way.
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) prefixLines(name, stream);
  child.on('error', (error) => console.error(`${name}: ${error.message}`));
  child.on('close', (code) => {
    if (stopping) return;
    console.error(`${name} ended (code ${code}); stopping the others`);
    stop(code || 1);
  });
  children.push(child);
}

function prefixLines(name, stream) {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) console.log(`${name.padEnd(6)} | ${line}`);
  });
}

function stop(code) {
  if (stopping) return;
  stopping = true;
  process.exitCode = code;
  for (const child of children) killGroup(child, 'SIGTERM');
  // The server drains its connections first; what still runs after that is killed.
  setTimeout(() => {
    for (const child of children) killGroup(child, 'SIGKILL');
  }, 8000).unref();
}

function killGroup(child, signal) {
  if (child.exitCode !== null || !child.pid) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}
