import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { INestApplication } from '@nestjs/common';
import { createApp } from './create-app.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { type Database, openDatabase } from './infrastructure/database/database.ts';
import { addDemoData } from './infrastructure/database/demo-data.ts';
import { explain } from './start-error.ts';
import { stops } from './stops.ts';
import { welcome } from './welcome.ts';

try {
  await start(readEnvironment(process.env));
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}

async function start(environment: Environment): Promise<void> {
  const database = await open(environment);
  const app = await createApp(environment, database);
  stopOnSignals(app, environment);
  const port = await listen(app, environment);
  console.log(welcome(port, environment));
}

async function listen(app: INestApplication, { PORT, HOST }: Environment): Promise<number> {
  try {
    await app.listen(PORT, HOST ?? everyInterface());
  } catch (error) {
    await app.close();
    throw error;
  }
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return port;
}

async function open({ DATABASE_URL, DATA_DIR }: Environment): Promise<Database> {
  const database = await openDatabase(
    DATABASE_URL === undefined ? { dataFolder: DATA_DIR } : { url: DATABASE_URL },
  );
  await addDemoData(database);
  return database;
}

// Fastify's own default would be localhost only, and `::` fails where IPv6 is switched off.
function everyInterface(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((address) => address?.family === 'IPv6') ? '::' : '0.0.0.0';
}

function stopOnSignals(app: INestApplication, { DRAIN }: Environment): void {
  // Nest would raise the signal again and end with 130; a stop that was asked for is no failure.
  app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.log('\nStopping …');
      setTimeout(() => {
        console.error('Stopped hard: not everything ended in time.');
        process.exit(1);
      }, stops[DRAIN].limitMs).unref();
    });
  }
}
