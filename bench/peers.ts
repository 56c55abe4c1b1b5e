import type { Core } from '../test/lab/child.ts';
import { provideBun } from './bun.ts';
import type { ProtocolName } from './load/protocol.ts';
import { nchanPath, nginxPath } from './nginx.ts';

/** A server that takes part. */
export interface PeerEntry {
  readonly name: string;
  readonly protocol: ProtocolName;
  /** Its process, in servers/. */
  readonly file: string;
  /** Where that process runs: what only starts another is no server itself. */
  readonly core: Core;
  /** So many of these processes are it. */
  readonly nodes: number;
  /** Do they share a Redis? */
  readonly isOnRedis: boolean;
  /** What runs it, or why nothing can. */
  program(): Program;
}

/** A command to put in front of a file, or why there is none. */
type Program = { readonly command: readonly string[] } | { readonly problem: string };

/** The engine alone. */
export const OWN = 'trunkline';
/** What everything else is a multiple of: one prebuilt frame, written to each socket. */
export const CEILING = 'ws-prebuilt';
/** Socket.IO as NestJS sets it up: what the goals are ratios to. */
export const RIVAL = 'nestjs-socket.io';

/** All of them, in the order of the tables. */
export const peers: readonly PeerEntry[] = [
  entry(OWN, 'centrifuge'),
  entry('nestjs-trunkline', 'centrifuge'),
  entry(CEILING, 'plain'),
  entry('ws', 'plain'),
  entry('socket.io', 'socket.io'),
  entry(RIVAL, 'socket.io'),
  entry('nestjs-platform-ws', 'plain'),
  entry('bun', 'plain', { program: bun }),
  entry('nginx-nchan', 'nchan', { core: 'others', program: nginx }),
];

function entry(
  name: string,
  protocol: ProtocolName,
  more: Partial<Pick<PeerEntry, 'core' | 'program'>> = {},
): PeerEntry {
  const file = `${name}.ts`;
  const alone = { nodes: 1, isOnRedis: false };
  return { name, protocol, file, core: 'server', program: node, ...alone, ...more };
}

/** What runs the servers that are written for Node.js. */
export function node(): Program {
  return { command: [process.execPath, '--expose-gc'] };
}

function bun(): Program {
  const provided = provideBun();
  return 'problem' in provided ? provided : { command: [provided.path] };
}

function nginx(): Program {
  if (nginxPath !== '' && nchanPath !== '') return node();
  return { problem: 'nginx with nchan is not installed' };
}
