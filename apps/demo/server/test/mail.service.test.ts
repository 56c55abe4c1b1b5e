import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test } from 'vitest';
import { MailService } from '@/infrastructure/mail/mail.service';

let DATA_DIR: string;

beforeEach(() => {
  DATA_DIR = mkdtempSync(join(tmpdir(), 'trunkline-mail-'));
  return () => rmSync(DATA_DIR, { recursive: true });
});

test('with SMTP_URL the mails go to that server; one that it refuses is counted', async () => {
  const { server, url, received } = await startSmtp({ refuses: 'user3@example.com' });
  const mail = new MailService({ DATA_DIR, SMTP_URL: url });
  expect(await mail.sendAll('batch', mailsTo(20))).toEqual({ sent: 19, failed: 1 });
  expect(received).toHaveLength(19);
  expect(received[0]).toContain('From: Trunkline demo <no-reply@trunkline.test>');
  mail.onApplicationShutdown();
  server.close();
});

test('a server that is gone is given up soon, and everything counted as failed', async () => {
  const { server, url } = await startSmtp({});
  server.close();
  await once(server, 'close');
  const mail = new MailService({ DATA_DIR, SMTP_URL: url });
  expect(await mail.sendAll('batch', mailsTo(10_000))).toEqual({ sent: 0, failed: 10_000 });
  mail.onApplicationShutdown();
});

test('a long batch says how far it is', async () => {
  const mail = new MailService({ DATA_DIR });
  const told: number[] = [];
  const onProgress = async (sent: number) => {
    told.push(sent);
  };
  await mail.sendAll('batch', mailsTo(1_200), { onProgress });
  expect(told).toEqual([500, 1_000]);
});

test('an aborted batch stops', async () => {
  const mail = new MailService({ DATA_DIR });
  const sending = mail.sendAll('batch', mailsTo(10), { signal: AbortSignal.abort() });
  expect(await sending).toEqual({ sent: 0, failed: 10 });
});

function mailsTo(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    to: { name: `User ${i}`, address: `user${i}@example.com` },
    subject: 'Welcome',
    text: 'Hello',
  }));
}

/** As much of an SMTP server as a client needs. */
async function startSmtp({ refuses }: { refuses?: string }) {
  const received: string[] = [];
  const server: Server = createServer((socket) => {
    const answer = (line: string) => socket.write(`${line}\r\n`);
    let message: string[] | null = null;
    answer('220 test');
    createInterface(socket).on('line', (line) => {
      if (message && line !== '.') return void message.push(line);
      if (message) {
        received.push(message.join('\n'));
        message = null;
        return answer('250 taken');
      }
      if (line === 'DATA') {
        message = [];
        return answer('354 go on');
      }
      const isRefused = refuses !== undefined && line.startsWith(`RCPT TO:<${refuses}`);
      return answer(isRefused ? '550 no such user' : '250 ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, received, url: `smtp://127.0.0.1:${port}` };
}
