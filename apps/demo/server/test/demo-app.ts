import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '@/create-app';
import { readEnvironment } from '@/environment';
import { openPglite } from '@/infrastructure/database/database';
import { addDemoData } from '@/infrastructure/database/demo-data';
import { Browser } from './http.ts';
import { connectLive, type Live } from './live-client.ts';

/** The application on a port of its own, its database in memory or in this folder. */
export async function startDemoApp(
  HTTP_ADAPTER: 'express' | 'fastify' = 'express',
  databaseFolder?: string,
  settings: Record<string, string> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-demo-'));
  const database = await openPglite(databaseFolder);
  await addDemoData(database);
  const environment = readEnvironment({ HTTP_ADAPTER, DATA_DIR: folder, ...settings });
  const app = await createApp(environment, database);
  await app.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  const lives = new Set<Live>();

  /** Somebody at a browser, signed in, whose page works in this tenant or in their first. */
  const signIn = async (email: string, tenantId?: string): Promise<Browser> => {
    const browser = new Browser(url);
    const { status } = await browser.login(email);
    if (status !== 200) throw new Error(`${email} could not sign in: ${status}`);
    return tenantId === undefined ? browser : browser.tab(tenantId);
  };
  const live = async ({ cookie }: Browser, tenantId?: string): Promise<Live> => {
    const connected = await connectLive(url, cookie, tenantId);
    lives.add(connected);
    return connected;
  };
  const disconnectAll = () => {
    for (const { client } of lives) client.disconnect();
    lives.clear();
  };
  const close = async () => {
    disconnectAll();
    await app.close();
    rmSync(folder, { recursive: true });
  };
  return { app, url, folder, database, signIn, live, disconnectAll, close };
}

export type DemoApp = Awaited<ReturnType<typeof startDemoApp>>;
