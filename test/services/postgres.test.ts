import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { needs, ownPostgresForTests, postgresForTests } from './for-tests.ts';

const shared = await postgresForTests();
const own = ownPostgresForTests();

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  // It is told here when its server dies; what was asked of it fails by itself.
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

test('every database is empty and nobody else’s', needs(shared), async () => {
  const first = await connect(await shared.database());
  const second = await connect(await shared.database());
  await first.query('create table notes (text text)');
  await expect(second.query('select * from notes')).rejects.toThrow('does not exist');
});

test('a crash and a kill take connections and no committed rows', needs(own), async () => {
  const server = await own.start();
  const before = await connect(server.url);
  await before.query('create table notes (text text)');
  await before.query("insert into notes values ('kept')");

  await server.crash();
  await expect(before.query('select 1')).rejects.toThrow(/terminat|not queryable/);
  await server.start();
  await (await connect(server.url)).query("insert into notes values ('kept too')");

  await server.kill9();
  await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED');
  await server.start();
  const { rows } = await (await connect(server.url)).query('select text from notes order by 1');
  expect(rows).toEqual([{ text: 'kept' }, { text: 'kept too' }]);
});

test('a pause answers nobody, and ends no connection', needs(own), async () => {
  const server = await own.start();
  const client = await connect(server.url);
  const { rows } = await client.query('select pg_backend_pid()');

  server.pause();
  const answer = client.query('select pg_backend_pid()');
  const latecomer = new Client({ connectionString: server.url, connectionTimeoutMillis: 200 });
  await expect(latecomer.connect()).rejects.toThrow('timeout');

  server.resume();
  expect((await answer).rows).toEqual(rows);
});

test('a paused server can be killed, started and stopped', needs(own), async () => {
  const server = await own.start();
  await connect(server.url);
  server.pause();
  await server.kill9();
  await server.start();
  server.pause();
  await server.stop();
  await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED');
});
