import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const ATTEMPTS = 50;

/**
 * A free port for a server that goes down and comes back on it: below those that systems hand out,
 * so that nothing gets it meanwhile, least of all a client that tries to connect to it (a loopback
 * connection whose own port is the one it dials connects to itself).
 */
export async function lastingPort(): Promise<number> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const port = randomInt(12_000, 32_000);
    // oxlint-disable-next-line no-await-in-loop -- the next is tried only if this one is taken
    if (await isFreePort(port)) return port;
  }
  throw new Error(`None of ${ATTEMPTS} random ports from 12000 to 31999 is free.`);
}

/** Does nobody listen on this port of this machine? */
export async function isFreePort(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
