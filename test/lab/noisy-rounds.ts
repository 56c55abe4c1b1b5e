// The rounds of the experiment on a noisy tenant: a while without noise, then a while with it.
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultLimits as limits } from '@trunkline/server';
import { CALM } from './calm.ts';
import type { Child } from './child.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import type { Flooded, Flooding } from './flood.ts';
import type { Felt } from './healthy.ts';
import type { Noise, Noised } from './noise.ts';
import type { ServerReport } from './server.ts';

export const TIMES = 10;
export const QUIET = 10;
export const QUIET_CLIENTS = 100;
export const QUIET_PER_SECOND = 10;
const TALKERS = 5;
const CONNECT_USERS = 5;
const NOISY = 'noisy0';
const BYTES = 200;
export const BROADCAST_BYTES = 2_000;
export const BEFORE_MS = 4_000;
/** Longer than a client may send too fast. */
export const DURING_MS = 12_000;
export const SECONDS = DURING_MS / 1_000;
const CALM_DOWN_MS = 30_000;

/** Who plays. */
export interface Scene {
  readonly server: Child;
  readonly quiet: Child;
  readonly newcomers: Child;
  readonly members: Child;
  readonly noise: Child;
}

/** What was seen for a while. */
interface Watched {
  readonly quiet: CrowdReport;
  readonly newcomers: Felt;
  readonly members: CrowdReport;
  readonly server: ServerReport;
}

/** A while of noise, behind a while without. */
export interface Round {
  readonly before: Watched;
  readonly during: Watched;
  readonly noised: Noised;
  readonly flooded: Flooded;
  /** Of the noisy tenant's members, when all was over. */
  readonly connected: number;
  /** What happened to quiet ones until then. */
  readonly after: CrowdReport;
}

/** Opens everybody, and gives where. */
export async function gather(
  { server, quiet, newcomers, members }: Scene,
  size: number,
): Promise<string> {
  const url = await server.ask<string>('start', { trustedProxies: ['loopback'] });
  setPriority(members.pid, 10); // as the noise, behind those whose latency is measured
  const tenants = [CALM, ...Array.from({ length: QUIET }, (_, n) => `quiet${n}`)];
  for (const tenant of tenants) {
    await server.ask('publish', { tenant, perSecond: QUIET_PER_SECOND, bytes: 100 });
  }
  const crowd: CrowdOptions = {
    url,
    count: QUIET_CLIENTS,
    tenant: 'quiet',
    tenants: QUIET,
    perSecond: 1_000,
    isBehindProxy: true,
  };
  await quiet.ask('open', crowd);
  await newcomers.ask('start', { url, count: 1 });
  await members.ask('open', { ...crowd, count: size, tenant: 'noisy', tenants: 1 });
  await sleep(3_000);
  return url;
}

/** Ten times what clients may. */
export function noiseOf(url: string, subscribers: number): Noise {
  return {
    url,
    tenant: NOISY,
    // Each stays for a second: so many places are wanted at a time.
    connectsPerSecond: TIMES * limits.maxConnectionsPerUser * CONNECT_USERS,
    users: CONNECT_USERS,
    subscribers,
    subscribesPerSecond: TIMES * limits.subscribesPerSecond,
    talkers: TALKERS,
    bytesPerSecond: TIMES * limits.inboundBytesPerSecond,
    forMs: DURING_MS,
  };
}

/** As many sends, and of those that are accepted as many broadcasts, as make ten times both limits. */
function floodingOf(size: number): Flooding {
  const accepted = (TIMES * limits.fanOutBytesPerSecond) / (BROADCAST_BYTES * size);
  return {
    tenant: NOISY,
    room: 'chat:0-0',
    perSecond: TIMES * limits.publishesPerSecond,
    bytes: BYTES,
    broadcastsPerSecond: TIMES * accepted,
    broadcastBytes: BROADCAST_BYTES,
    forMs: DURING_MS,
  };
}

export async function playRound(scene: Scene, size: number, noise: Noise): Promise<Round> {
  await look(scene);
  await sleep(BEFORE_MS);
  const before = await look(scene);
  const [noised, flooded] = await Promise.all([
    scene.noise.ask<Noised>('make', noise),
    scene.server.ask<Flooded>('flood', floodingOf(size)),
  ]);
  const during = await look(scene);
  const connected = await calmedDown(scene, size);
  const after = await scene.quiet.ask<CrowdReport>('look');
  return { before, during, noised, flooded, connected, after };
}

async function look({ server, quiet, newcomers, members }: Scene): Promise<Watched> {
  const [ofQuiet, ofNewcomers, ofMembers, ofServer] = await Promise.all([
    quiet.ask<CrowdReport>('look'),
    newcomers.ask<Felt>('look'),
    members.ask<CrowdReport>('look'),
    server.ask<ServerReport>('report'),
  ]);
  return { quiet: ofQuiet, newcomers: ofNewcomers, members: ofMembers, server: ofServer };
}

/** Waits until the noisy tenant's members are all there again, and what they are owed has come. */
async function calmedDown({ members }: Scene, size: number): Promise<number> {
  const begin = performance.now();
  let connected = 0;
  while (performance.now() - begin < CALM_DOWN_MS) {
    await sleep(1_000);
    connected = await members.ask<number>('connected');
    const { deliveries } = await members.ask<CrowdReport>('look');
    if (connected === size && deliveries === 0) break;
  }
  return connected;
}
