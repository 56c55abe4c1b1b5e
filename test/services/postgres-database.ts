import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

/** An empty database of somebody's own. */
export interface Database {
  readonly url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/** Creates one on the server of this URL, whose role must be allowed to. */
export async function createDatabase(serverUrl: string): Promise<Database> {
  const name = `trunkline_${randomUUID().replaceAll('-', '')}`;
  await execute(serverUrl, `create database ${name} template template0`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => execute(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(statement);
  } catch (cause) {
    const { host } = new URL(url);
    throw new Error(`Postgres at ${host} did not \`${statement}\`: ${String(cause)}`, { cause });
  } finally {
    await client.end();
  }
}
