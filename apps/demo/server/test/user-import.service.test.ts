import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpException } from '@nestjs/common';
import { runAs } from '@trunkline/nestjs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImportResults } from '#shared/operations';
import { sampleFolder } from '@/folders';
import { type Database, openPglite } from '@/infrastructure/database/database';
import { users } from '@/infrastructure/database/schema';
import { MailService } from '@/infrastructure/mail/mail.service';
import { UserImportService } from '@/users/user-import.service';
import { UsersQuery } from '@/users/users.query';
import { UsersService } from '@/users/users.service';
import { RecordingWebSocketService, type Sent } from './recording-web-socket-service.ts';

const ada = as('ada', 'acme');
const cleo = as('cleo', 'globex');
const HEADER = 'email,name,role,department';

let database: Database;
let folder: string;

beforeAll(async () => {
  database = await openPglite();
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await database.queries.delete(users);
  folder = mkdtempSync(join(tmpdir(), 'trunkline-import-'));
  return () => rmSync(folder, { recursive: true });
});

describe('progress', () => {
  test('tells each stage of a small file, then the end', async () => {
    const { service, socket } = setUp();
    const { operationId, results } = await ada(() => service.importUsers(csv(3), 'ada'));

    expect(operationId).toMatch(/^user-import-\d+$/);
    expect(socket.sent.map(told)).toEqual([
      'parsing 10 Parsing CSV file...',
      'validating 30 Validating user data...',
      'importing 60 Importing users...',
      'finalizing 90 Sending welcome emails...',
      'operation:complete',
    ]);
    expect(results).toEqual({
      imported: 3,
      skipped: 0,
      errors: [],
      errorCount: 0,
      mails: { sent: 3, failed: 0 },
    });
    expect(socket.sent.at(-1)).toEqual({
      userId: 'ada',
      tenantId: 'acme',
      type: 'operation:complete',
      data: { operationId, operationType: 'user-import', result: results },
      metadata: { tablesToRefresh: ['users'], message: 'Users imported successfully!' },
    });
  });

  test('moves from 60 to 90 as the batches of 10,000 users land', async () => {
    const { service, socket } = setUp();
    const sample = readFileSync(join(sampleFolder, 'users-10000.csv'), 'utf8');
    const { results } = await ada(() => service.importUsers(sample, 'ada'));

    expect(results).toMatchObject({ imported: 10_000, mails: { sent: 10_000, failed: 0 } });
    const percentages = socket.sent
      .filter(({ type }) => type === 'operation:progress')
      .map(({ data }) => data['percentage']);
    const batches = [61, 63, 64, 66, 67, 69, 70, 72, 73, 75, 76, 78, 79, 81, 82, 84, 85, 87, 88];
    expect(percentages).toEqual([10, 30, 60, ...batches, 90]);
    expect(told(socket.sent[3])).toBe('importing 61 Importing users... 500 of 10,000');
    expect((await page('acme')).total).toBe(10_000);
  });

  test('writes one mail per imported user', async () => {
    const { service } = setUp({ mail: new MailService({ DATA_DIR: folder }) });
    const { operationId } = await ada(() => service.importUsers(csv(2), 'ada'));
    const mailbox = readFileSync(join(folder, 'mail', `${operationId}.mbox`), 'utf8');
    expect(
      mailbox.match(/^From no-reply@trunkline.test \w{3} \w{3} \d\d [\d:]{8} \d{4}$/gm),
    ).toHaveLength(2);
    expect(mailbox.match(/^To: .+$/gm)?.toSorted()).toEqual([
      'To: User 0 <user0@example.com>',
      'To: User 1 <user1@example.com>',
    ]);
  });

  test('mails that cannot be sent do not fail the import', async () => {
    writeFileSync(join(folder, 'mail'), 'a file where the folder should be');
    const { service, socket } = setUp({ mail: new MailService({ DATA_DIR: folder }) });
    const { results } = await ada(() => service.importUsers(csv(30), 'ada'));
    expect(results).toMatchObject({ imported: 30, mails: { sent: 0, failed: 30 } });
    expect(socket.sent.at(-1)?.type).toBe('operation:complete');
  });
});

describe('rows that cannot be imported', () => {
  test('are told by line and reason, the others are imported', async () => {
    const { service, socket } = setUp();
    const sample = readFileSync(join(sampleFolder, 'users-bad-rows.csv'), 'utf8');
    const { results } = await ada(() => service.importUsers(sample, 'ada'));

    expect(results).toMatchObject({ imported: 22, skipped: 8, errorCount: 8 });
    expect(results.errors).toEqual([
      { line: 5, reason: '"not-an-address" is not an e-mail address' },
      { line: 8, reason: 'name is missing' },
      { line: 11, reason: 'has 2 columns instead of 4' },
      { line: 15, reason: 'has 5 columns instead of 4' },
      { line: 19, reason: 'role "superuser" is not one of admin, member, viewer' },
      { line: 22, reason: '"karim.mutua@bad-rows.example.com" is already in line 2' },
      { line: 26, reason: 'email is missing' },
      { line: 30, reason: '"spaces in@bad-rows.example.com" is not an e-mail address' },
    ]);
    expect(socket.sent.at(-1)?.metadata).toEqual({
      tablesToRefresh: ['users'],
      message: 'Users imported successfully! 22 imported, 8 rows skipped.',
    });
  });

  test('who is already a user is skipped, also when only the case differs', async () => {
    const { service, socket } = setUp();
    await ada(() => service.importUsers(csv(3), 'ada'));
    const again = `${HEADER}\nUSER1@Example.com,User One,,\nnew@example.com,New,,\n`;
    const { results } = await ada(() => service.importUsers(again, 'ada'));
    expect(results).toMatchObject({
      imported: 1,
      errors: [{ line: 2, reason: '"user1@example.com" is already a user' }],
    });
    const nothing = await ada(() => service.importUsers(again, 'ada'));
    expect(nothing.results.imported).toBe(0);
    expect(socket.sent.at(-1)?.metadata?.message).toBe('No users imported: 2 rows skipped.');
  });

  test('of thousands only the first hundred are told, in an event below 32 KiB', async () => {
    const { service, socket } = setUp();
    const bad = Array.from({ length: 3000 }, () => `${'é'.repeat(60)},${'x'.repeat(300)},,`);
    const text = [HEADER, 'good@example.com,Good,,', ...bad].join('\n');
    const { results } = await ada(() => service.importUsers(text, 'ada'));
    expect(results).toMatchObject({ imported: 1, skipped: 3000, errorCount: 3000 });
    expect(results.errors.map(({ line }) => line)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 3),
    );
    expect(Buffer.byteLength(JSON.stringify(socket.sent.at(-1)))).toBeLessThan(32 * 1024);
  });

  test('line numbers count blank lines and line breaks inside quotes, with either line ending', async () => {
    const { service } = setUp();
    const lines = [
      HEADER,
      'a@example.com,"Two',
      'Lines",,',
      '',
      'bad,Bad,,',
      'b@example.com,B "Bee" B,,',
    ];
    for (const ending of ['\n', '\r\n']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { results } = await ada(() =>
        service.importUsers(`\uFEFF${lines.join(ending)}`, 'ada'),
      );
      expect(results.errors).toContainEqual({ line: 5, reason: '"bad" is not an e-mail address' });
    }
    const { users: rows } = await page('acme');
    expect(rows.map(({ name }) => name)).toEqual(['B "Bee" B', 'Two\nLines']);
  });

  test('role and department may be left out', async () => {
    const { service } = setUp();
    await ada(() => service.importUsers('name,email\nAda,a@example.com\n', 'ada'));
    expect((await page('acme')).users).toMatchObject([
      { name: 'Ada', email: 'a@example.com', role: 'member', department: null, imported: true },
    ]);
  });
});

describe('files that cannot be imported', () => {
  const wrongHeader =
    'The first line must be email,name,role,department (role and department may be left out), but it is ';
  const cases: [string, unknown, number, string][] = [
    [
      'no string',
      42,
      400,
      'No file came: the request needs { "csvData": "…" } with the text of a CSV file',
    ],
    [
      'nothing',
      undefined,
      400,
      'No file came: the request needs { "csvData": "…" } with the text of a CSV file',
    ],
    ['an empty file', ' \n', 400, 'The file is empty'],
    ['a header alone', `${HEADER}\n`, 400, 'The file has a header but no users below it'],
    ['another header', 'id,mail\n1,a@example.com\n', 400, `${wrongHeader}"id,mail"`],
    ['semicolons', 'email;name\na@example.com;A\n', 400, `${wrongHeader}"email;name"`],
    ['a column twice', 'email,name,email\n', 400, `${wrongHeader}"email,name,email"`],
    ['JSON', '[{"email": "a@example.com"}]', 400, `${wrongHeader}"[{"email": "a@example.com"}]"`],
    [
      'a binary file',
      'PK\u0003\u0004\0\0',
      400,
      'This is not a CSV file but a binary one: export the users as CSV (UTF-8) and import that',
    ],
    [
      'a quote that is never closed',
      `${HEADER}\na@example.com,A,,\nb@example.com,"B,,\nc@example.com,C,,\n`,
      400,
      'The row in line 3 does not end: is a quote opened there that is never closed?',
    ],
    [
      'more than 20 MB',
      `${HEADER}\n${'x'.repeat(21 * 1024 * 1024)}`,
      413,
      'The file has 21.0 MB, the limit is 20 MB: split it and import the parts',
    ],
  ];

  test.each(cases)(
    '%s: said by a toast and by the answer',
    async (_name, csvData, status, message) => {
      const { service, socket } = setUp();
      const refusal = await ada(() => service.importUsers(csvData, 'ada')).catch((error) => error);

      const { data, ...event } = socket.sent.at(-1) as Sent;
      expect(data).toMatchObject({ operationType: 'user-import', error: message });
      expect(event).toMatchObject({ type: 'operation:error', userId: 'ada' });
      expect(event.metadata).toEqual({ message: 'User import failed' });
      expect(refusal).toBeInstanceOf(HttpException);
      expect(refusal.getStatus()).toBe(status);
      expect(refusal.getResponse()).toMatchObject({
        statusCode: status,
        message,
        operationId: data['operationId'],
      });
      expect((await page('acme')).total).toBe(0);
    },
  );
});

describe('failures on our side', () => {
  test('a database that fails midway: the toast says how many users are saved', async () => {
    const { service, socket, usersService } = setUp();
    failFromBatch(usersService, 3);
    const refusal = await ada(() => service.importUsers(csv(2000), 'ada')).catch((error) => error);

    const error =
      'The database failed. 1,000 users were imported before that; import the file again to add the rest.';
    expect(socket.sent.at(-1)).toMatchObject({
      type: 'operation:error',
      data: { error },
      metadata: { message: 'User import failed', tablesToRefresh: ['users'] },
    });
    expect(refusal.getStatus()).toBe(500);
    expect(refusal.getResponse()).toMatchObject({ message: error });
    expect((await page('acme')).total).toBe(1000);
  });

  test('a shutdown ends a slow import after its batch, and tells the user', async () => {
    const { service, socket } = setUp({ IMPORT_PACE_MS: 60_000 });
    const firstBatch = new Promise<void>((resolve) => {
      socket.onSend(({ data }) => {
        if (data['percentage'] === 75) resolve();
      });
    });
    const work = ada(() => service.importUsers(csv(1000), 'ada')).catch((error) => error);
    await firstBatch;
    await service.onModuleDestroy();

    expect((await work).getStatus()).toBe(503);
    expect(socket.sent.at(-1)).toMatchObject({
      type: 'operation:error',
      data: {
        error:
          'The server is being stopped. 500 users were imported before that; import the file again to add the rest.',
      },
      metadata: { tablesToRefresh: ['users'] },
    });
  });

  test('without a tenant nothing is imported', async () => {
    const { service } = setUp();
    await expect(service.importUsers(csv(1), 'ada')).rejects.toThrow('Something went wrong');
    expect((await page('acme')).total).toBe(0);
  });
});

describe('two imports', () => {
  test('of one user in one millisecond run side by side under ids of their own', async () => {
    const { service, socket } = setUp();
    const [first, second] = await ada(() =>
      Promise.all([
        service.importUsers(csv(1500), 'ada'),
        service.importUsers(csv(1500, 'other'), 'ada'),
      ]),
    );
    expect(first.operationId).not.toBe(second.operationId);
    expect([first.results.imported, second.results.imported]).toEqual([1500, 1500]);
    for (const { operationId } of [first, second]) {
      const own = socket.sent.filter(({ data }) => data['operationId'] === operationId);
      expect(own.map(({ data }) => data['percentage'])).toEqual([
        10,
        30,
        60,
        70,
        80,
        90,
        undefined,
      ]);
    }
  });

  test('of the same file at the same time import each user once', async () => {
    const { service } = setUp();
    const answers = await ada(() =>
      Promise.all([service.importUsers(csv(1200), 'ada'), service.importUsers(csv(1200), 'ada')]),
    );
    const count = (key: keyof ImportResults) =>
      answers.reduce((sum, { results }) => sum + Number(results[key]), 0);
    expect([count('imported'), count('skipped')]).toEqual([1200, 1200]);
    expect((await page('acme')).total).toBe(1200);
  });

  test('of two tenants do not meet', async () => {
    const { service, socket } = setUp();
    await Promise.all([
      ada(() => service.importUsers(csv(600), 'ada')),
      cleo(() => service.importUsers(csv(700), 'cleo')),
    ]);
    expect([(await page('acme')).total, (await page('globex')).total]).toEqual([600, 700]);
    const tenants = new Set(socket.sent.map(({ userId, tenantId }) => `${userId} ${tenantId}`));
    expect([...tenants].toSorted()).toEqual(['ada acme', 'cleo globex']);
  });
});

test('a tenant removes what it has imported, and nothing else', async () => {
  const { service, usersService } = setUp();
  await ada(() => service.importUsers(csv(5), 'ada'));
  await cleo(() => service.importUsers(csv(5), 'cleo'));
  await database.queries.insert(users).values({
    id: 'ada',
    realm: 'tenant',
    tenantId: 'acme',
    email: 'ada@acme.test',
    name: 'Ada',
    role: 'admin',
  });
  expect(await usersService.deleteImported('acme')).toBe(5);
  expect([(await page('acme')).total, (await page('globex')).total]).toEqual([1, 5]);
});

function setUp({ IMPORT_PACE_MS = 0, mail = noMails } = {}) {
  const socket = new RecordingWebSocketService();
  const usersService = new UsersService(database);
  const service = new UserImportService(socket.asService(), usersService, mail, { IMPORT_PACE_MS });
  return { service, socket, usersService };
}

// Writing files takes longer than everything else here.
const noMails = {
  sendAll: async (_batchId, mails) => ({ sent: mails.length, failed: 0 }),
} as MailService;

function as(userId: string, tenantId: string) {
  const realm = { kind: 'tenant', tenantId } as const;
  return <T>(work: () => T): T => runAs({ userId, realm, roles: [] }, work);
}

function csv(rows: number, name = 'user'): string {
  const lines = Array.from(
    { length: rows },
    (_, i) => `${name}${i}@example.com,User ${i},member,Sales`,
  );
  return [HEADER, ...lines, ''].join('\n');
}

function page(tenantId: string) {
  return new UsersService(database).list(tenantId, UsersQuery.parse({}));
}

function told({ type, data }: Sent): string {
  if (type !== 'operation:progress') return type;
  return [data['stage'], data['percentage'], data['message']].join(' ');
}

function failFromBatch(service: UsersService, failing: number): void {
  const addImported = service.addImported.bind(service);
  let batch = 0;
  service.addImported = async (...args) => {
    batch += 1;
    if (batch >= failing) throw new Error('disk full');
    return await addImported(...args);
  };
}
