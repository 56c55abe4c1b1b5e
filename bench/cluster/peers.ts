import { node, type PeerEntry } from '../peers.ts';

/** The engine of a single node, which shares nothing. */
export const MEMORY = 'memory';

/** Who is measured with many nodes, in the order of the tables. */
export const clusterPeers: readonly PeerEntry[] = [
  ours(MEMORY, { nodes: 1, isOnRedis: false }),
  ours('redis-1', { nodes: 1, isOnRedis: true }),
  ours('redis-2', { nodes: 2, isOnRedis: true }),
  ours('redis-3', { nodes: 3, isOnRedis: true }),
  socketIo('socket.io-1', { nodes: 1, isOnRedis: true }),
  socketIo('socket.io-2', { nodes: 2, isOnRedis: true }),
];

type Shape = Pick<PeerEntry, 'nodes' | 'isOnRedis'>;

function ours(name: string, shape: Shape): PeerEntry {
  return entry({ name, protocol: 'centrifuge', file: 'trunkline.ts', ...shape });
}

function socketIo(name: string, shape: Shape): PeerEntry {
  return entry({ name, protocol: 'socket.io', file: 'socket.io.ts', ...shape });
}

function entry(own: Omit<PeerEntry, 'core' | 'program'>): PeerEntry {
  return { ...own, core: 'server', program: node };
}
