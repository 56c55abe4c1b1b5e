import { chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from './find-program.ts';
import { lastingPort } from './lasting-port.ts';
import { LocalServer } from './local-server.ts';
import type { Missing } from './missing.ts';
import { ordinaryUser, type User } from './ordinary-user.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const folders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

const missing = 'there is no nginx here: install nginx';

/** What docker-compose.yml mounts, and docs/proxies.md prints. */
const deployed = new URL('../../deploy/nginx.conf', import.meta.url);

/** An nginx of the tests' own, in front of nodes on this machine. */
export class NginxServer extends LocalServer {
  /** Where it listens; on this machine only. */
  get port(): number {
    return Number(new URL(this.url).port);
  }
}

export interface NginxOptions {
  /** The ports of the nodes. */
  readonly nodes: readonly number[];
  /** Where it listens. Default: any free port. */
  readonly port?: number;
}

/** The path of nginx on this machine. */
export function findNginx(): string | Missing {
  return findProgram(['nginx'], folders) ?? { missing };
}

/** Starts an nginx with the configuration of deploy/nginx.conf. */
export async function startNginx({ nodes, port }: NginxOptions): Promise<NginxServer | Missing> {
  const command = findNginx();
  if (typeof command !== 'string') return command;
  const listening = port ?? (await lastingPort());
  const user = ordinaryUser();
  const folder = await TemporaryFolder.make('nginx', user);
  const file = join(folder.path, 'nginx.conf');
  const globals = 'daemon off; pid nginx.pid; error_log stderr notice;';
  const server = new NginxServer(`http://127.0.0.1:${listening}`, folder, {
    command,
    args: ['-e', 'stderr', '-p', folder.path, '-c', file, '-g', globals],
    user,
    ready: /start worker process /,
    endSignal: 'SIGTERM',
  });
  try {
    await configure(file, await localConfiguration({ nodes, port: listening }), user);
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function configure(file: string, text: string, user: User | undefined): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  if (user) await chown(file, user.uid, user.gid);
}

/** The deployed configuration, with addresses on this machine, and with all that it writes in one folder. */
async function localConfiguration({ nodes, port }: Required<NginxOptions>): Promise<string> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `\n  ${name}_temp_path ${name};`,
  );
  const servers = nodes.map((node) => `server 127.0.0.1:${node}$1;`).join('\n    ');
  const text = await readFile(deployed, 'utf8');
  const inFolder = replaced(text, /^http \{/m, `http {${temporary.join('')}`);
  const behind = replaced(inFolder, /server node-1:3000(.*);\n\s+server node-2:3000.*;/, servers);
  return replaced(behind, /listen 8080;/, `listen 127.0.0.1:${port};`);
}

function replaced(text: string, pattern: RegExp, replacement: string): string {
  if (!pattern.test(text)) throw new Error(`deploy/nginx.conf has nothing like ${pattern}`);
  return text.replace(pattern, replacement);
}
