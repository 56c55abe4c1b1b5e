// `npm run dev`: every part watches its own sources. Packages and types: tsc; the demo's server: a
// Vite build that Node.js restarts on; the demo's pages: Vite's dev server, which proxies to it.
import { spawn } from 'node:child_process';

// A file that is removed and written again is lost to `node --watch`: the build must not empty dist.
const keep = ['--emptyOutDir', 'false'];
const commands = {
  types: ['tsc', '-b', '--watch', '--preserveWatchOutput', 'apps/demo/server', 'apps/demo/web'],
  build: ['vite', 'build', 'apps/demo/server', '--watch', ...keep, '--logLevel', 'warn'],
  server: ['node', '--watch', '--enable-source-maps', 'apps/demo/server/dist/main.js'],
  web: ['vite', 'apps/demo/web'],
};

let stopping = false;
const children = Object.entries(commands).map(([name, command]) => start(name, command));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0));

function start(name, [command, ...args]) {
  // A process group of its own: Ctrl-C reaches it through `stop` only, and in one orderly way.
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) prefixLines(name, stream);
  child.on('error', (error) => console.error(`${name}: ${error.message}`));
  child.on('close', (code) => {
    if (stopping) return;
    console.error(`${name} ended (code ${code}); stopping the others`);
    stop(code || 1);
  });
  return child;
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
