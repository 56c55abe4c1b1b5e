import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.ts';
import { DemoLogger } from './demo-logger.ts';
import type { Environment } from './environment.ts';
import type { Database } from './infrastructure/database/database.ts';
import { stops } from './stops.ts';

// A CSV of 20 MB is refused by the import, with a text that helps: it must come that far.
const BODY_LIMIT = 32 * 1024 * 1024;

const headers = {
  // The same path has other answers for other users, and in other tenants: nobody keeps them. Files
  // say for themselves how long they are good.
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** The application on the HTTP adapter that the environment names, ready to listen. */
export async function createApp(
  environment: Environment,
  database: Database,
): Promise<INestApplication> {
  const isFastify = environment.HTTP_ADAPTER === 'fastify';
  const app = await (isFastify ? createOnFastify : createOnExpress)(
    AppModule.forRoot(environment, database),
    environment,
  );
  const server = app.getHttpServer() as Server;
  app.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    // A server that is being closed waits for connections until nothing more comes on them.
    if (!server.listening) response.setHeader('connection', 'close');
    next();
  });
  limitRequestTimes(server);
  return app;
}

type Root = ReturnType<typeof AppModule.forRoot>;

// Only JSON is parsed, because no form of another site can send it.
const options: NestApplicationOptions = {
  bodyParser: false,
  abortOnError: false,
  logger: new DemoLogger(),
};

async function createOnExpress(root: Root, environment: Environment): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(root, new ExpressAdapter(), {
    ...options,
    forceCloseConnections: stops[environment.DRAIN].cutsRequests,
  });
  app.disable('x-powered-by');
  app.useBodyParser('json', { limit: BODY_LIMIT });
  return app;
}

async function createOnFastify(root: Root, environment: Environment): Promise<INestApplication> {
  const forceCloseConnections = stops[environment.DRAIN].cutsRequests || 'idle';
  const adapter = new FastifyAdapter({ bodyLimit: BODY_LIMIT, forceCloseConnections });
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, options);
  const fastify = adapter.getInstance();
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      // A DELETE that names the type but has no body is no mistake on Express either.
      if (body === '') done(null, undefined);
      else void parseJson(request, body, done);
    },
  );
  // An upload is read by who takes it, piece by piece.
  fastify.addContentTypeParser('application/octet-stream', (_request, _payload, done) => {
    done(null);
  });
  // The static files' `exclude` is Express's only: here every unknown path would get the pages.
  fastify.get('/api/*', (_request, reply) => reply.callNotFound());
  return app;
}

function limitRequestTimes(server: Server): void {
  server.headersTimeout = 5_000;
  // As long as Node's own: an upload takes its time.
  server.requestTimeout = 300_000;
}
