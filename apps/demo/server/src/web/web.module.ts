import { existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { type DynamicModule, Module } from '@nestjs/common';
import { ServeStaticModule } from '@nestjs/serve-static';
import { webFolder } from '../folders.ts';
import { MissingPagesController } from './missing-pages.controller.ts';
import { SamplesController } from './samples.controller.ts';

/** Everything a browser loads that is not the API: the built pages and the sample files. */
@Module({ controllers: [SamplesController] })
export class WebModule {
  static forRoot(folder: string = webFolder): DynamicModule {
    if (!isWebBuilt(folder)) return { module: WebModule, controllers: [MissingPagesController] };
    const pages = ServeStaticModule.forRoot({
      rootPath: folder,
      exclude: ['/api/{*rest}'],
      // `fallthrough`: on Fastify too, a path without a file gets the app, whose router knows it.
      serveStaticOptions: { fallthrough: true, setHeaders: setCacheHeaders },
    });
    return { module: WebModule, imports: [pages] };
  }
}

/** Has the web app been built? */
export function isWebBuilt(folder: string = webFolder): boolean {
  return existsSync(join(folder, 'index.html'));
}

type Reply = { header(name: string, value: string): unknown };

/** Files under `assets` have a hash of their content in the name; the rest may change any time. */
function setCacheHeaders(response: ServerResponse | Reply, path: string): void {
  const isHashed = basename(dirname(path)) === 'assets';
  const value = isHashed ? 'public, max-age=31536000, immutable' : 'no-cache';
  if ('setHeader' in response) response.setHeader('cache-control', value);
  else response.header('cache-control', value);
}
