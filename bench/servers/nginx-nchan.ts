// nginx with the module nchan. This process only starts it, publishes to it over HTTP, as an app
// would, and reads what it has used: nginx alone is on the server's core.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/free-port.ts';
import { pinning } from '../../test/lab/child.ts';
import { nchanPath, nginxPath } from '../nginx.ts';
import { serve } from './peer.ts';
import { byRoom } from './rooms.ts';

const PAGE_BYTES = 4_096;

let nginx: ChildProcess;
let publisher: Socket;

serve({
  listen: async () => {
    const port = await freePort();
    nginx = start(port);
    publisher = await reach(port);
    publisher.on('error', () => {}).resume(); // its answers: loss would be seen by the load
    return port;
  },
  ...byRoom((room, event) => {
    const body = JSON.stringify(event);
    publisher.write(
      `POST /pub/${room} HTTP/1.1\r\nHost: bench\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }),
  cpuMs: () =>
    sum((pid) => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6),
  rssBytes: () =>
    sum((pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES),
});

function start(port: number): ChildProcess {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-bench-nginx-'));
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, port));
  const [command = '', ...args]: string[] = [...pinning('server'), nginxPath, '-c', file];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  process.on('exit', () => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  return child;
}

/** One worker, as every other server has one thread; a room keeps as much as nchan does by itself. */
function configuration(folder: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    load_module ${nchanPath};
    daemon off;
    worker_processes 1;
    worker_rlimit_nofile 20000;
    pid ${folder}/nginx.pid;
    error_log stderr emerg;
    events { worker_connections 16384; }
    http {
      access_log off;
      keepalive_requests 1000000000;
      nchan_shared_memory_size 256M;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location ~ ^/sub/(.+)$ {
          nchan_subscriber websocket;
          nchan_channel_id $1;
          nchan_subscriber_first_message newest;
        }
        location ~ ^/pub/(.+)$ {
          nchan_publisher;
          nchan_channel_id $1;
          nchan_message_buffer_length 100;
          nchan_message_timeout 20s;
        }
      }
    }`;
}

async function reach(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    try {
      // oxlint-disable-next-line no-await-in-loop -- until it listens
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (nginx.exitCode !== null) throw error;
      // oxlint-disable-next-line no-await-in-loop -- until it listens
      await sleep(20);
    }
  }
}

/** Over the master and its worker. */
function sum(of: (pid: string) => number): number {
  const master = String(nginx.pid);
  const children = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim();
  return [master, ...children.split(' ')].reduce((total, pid) => total + of(pid), 0);
}
