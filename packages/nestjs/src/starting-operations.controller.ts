import type { IncomingMessage } from 'node:http';
import {
  BadRequestException,
  Body,
  Inject,
  NotFoundException,
  Post,
  Req,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import type { OperationDefinition, OperationSnapshot } from '@trunkline/contract';
import { Operations } from '@trunkline/operations';
import { ReadIdempotencyKey } from './idempotency-key.ts';
import { NotStored, OperationsController } from './operations.controller.ts';
import { OPERATION_ROUTES, type OperationRoutes } from './operations-options.ts';
import { AnswersAsStarted } from './starts-operation.ts';

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** The same, where the app lets operations be started, too. */
export class StartingOperationsController extends OperationsController {
  readonly #routes: OperationRoutes;

  constructor(
    @Inject(Operations) operations: Operations,
    @Inject(OPERATION_ROUTES) routes: OperationRoutes,
  ) {
    super(operations);
    this.#routes = routes;
  }

  @Post()
  @AnswersAsStarted()
  @NotStored()
  async start(
    @Req() request: IncomingMessage,
    @Body() body: unknown,
    @ReadIdempotencyKey() idempotencyKey: string | undefined,
  ): Promise<OperationSnapshot> {
    const { type, input } = startIn(request, body);
    const definition = this.#routes.start.get(type);
    // what there is besides is nobody's to find out
    if (!definition) throw new NotFoundException('There is no such operation to be started here');
    requireInput(definition, input);
    return await this.operations.start(definition, { input, idempotencyKey });
  }
}

/** A form of another site could be sent with the user's cookies; JSON could not. */
function startIn(
  { headers }: IncomingMessage,
  body: unknown,
): { readonly type: string; readonly input?: unknown } {
  if (!JSON_TYPE.test(headers['content-type'] ?? '')) {
    throw new UnsupportedMediaTypeException('The body is JSON: { "type", "input" }');
  }
  const { type, input, ...others } = (body ?? {}) as Record<string, unknown>;
  if (typeof type === 'string' && Object.keys(others).length === 0) return { type, input };
  throw new BadRequestException('The body is { "type", "input" }, and nothing else');
}

function requireInput({ type, input: schema }: OperationDefinition, input: unknown): void {
  if (schema || input === undefined) return;
  throw new BadRequestException(`${type} takes no input`);
}
