import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { beforeEach, expect, test } from 'vitest';
import { WebModule } from '@/web/web.module';

const adapters = { express: ExpressAdapter, fastify: FastifyAdapter };
const names = ['express', 'fastify'] as const;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-web-'));
  return () => rmSync(folder, { recursive: true });
});

test.each(names)(
  '%s serves the pages: hashed files for ever, every other path the app',
  async (adapter) => {
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<title>app</title>');
    writeFileSync(join(folder, 'assets', 'index-abc123.js'), 'export {}');
    const web = await serve(adapter);

    const index = await web.get('/');
    expect(index).toMatchObject({
      text: '<title>app</title>',
      type: 'text/html',
      cache: 'no-cache',
    });
    expect(await web.get('/users/some/page')).toEqual(index);
    expect(await web.get('/assets/index-abc123.js')).toMatchObject({
      text: 'export {}',
      cache: 'public, max-age=31536000, immutable',
    });
    await web.close();
  },
);

test.each(names)('%s says what to do when the pages are not built', async (adapter) => {
  const web = await serve(adapter);
  const page = await web.get('/');
  expect(page).toMatchObject({ status: 200, type: 'text/html' });
  expect(page.text).toContain('npm run build');
  await web.close();
});

async function serve(adapter: (typeof names)[number]) {
  const app = await NestFactory.create(WebModule.forRoot(folder), new adapters[adapter](), {
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return {
      status: response.status,
      text: await response.text(),
      type: response.headers.get('content-type')?.split(';')[0],
      cache: response.headers.get('cache-control'),
    };
  };
  return { get, close: () => app.close() };
}
