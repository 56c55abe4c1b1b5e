import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication, Type, WebSocketAdapter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Starts an application, with a WebSocket adapter where it has gateways. */
export async function listenWith(
  module: Type,
  adapterOf?: (app: INestApplication) => WebSocketAdapter,
): Promise<{ app: INestApplication; port: number }> {
  const app = await NestFactory.create(module, { logger: ['error', 'warn'] });
  if (adapterOf) app.useWebSocketAdapter(adapterOf(app));
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, port };
}
