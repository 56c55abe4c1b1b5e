import {
  type ArgumentMetadata,
  BadRequestException,
  createParamDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { Principal } from '@trunkline/server';

/** A schema of any library that speaks Standard Schema: Zod, Valibot, ArkType, … */
export type CallSchema = NonNullable<ArgumentMetadata['schema']>;

/** Which call this is. A guard, an interceptor or a filter gets it from `callOf(execution)`. */
export interface CallContext {
  /** What the client has called, e.g. `chat:typing`. */
  readonly method: string;
  /** The client id of the caller's connection. */
  readonly clientId: string;
  readonly principal: Principal;
  /** As the client sent it: nothing has checked it yet. */
  readonly data: unknown;
}

/** A parameter: which call this is. */
export const CallContext: () => ParameterDecorator = createParamDecorator(
  (_: unknown, execution: ExecutionContext) => callOf(execution),
);

/**
 * The call that Nest is asked about, for guards, interceptors and exception filters; `null` for whatever
 * is none, an HTTP request for instance.
 */
export function callOf(execution: Pick<ExecutionContext, 'getArgByIndex'>): CallContext | null {
  const first: unknown = execution.getArgByIndex(0);
  return first instanceof Call ? first : null;
}

/**
 * A call on its way through Nest: the one argument that everything there sees. The data alone would be
 * what code written for HTTP takes for the request, and a client could send `{ user: { roles } }`.
 */
export class Call implements CallContext {
  readonly method: string;
  readonly clientId: string;
  readonly principal: Principal;
  readonly data: unknown;
  readonly #schema: CallSchema | undefined;
  #checked: Promise<unknown> | undefined;

  constructor(context: CallContext, schema: CallSchema | undefined) {
    this.method = context.method;
    this.clientId = context.clientId;
    this.principal = context.principal;
    this.data = context.data;
    this.#schema = schema;
  }

  /** What the schema makes of the data; rejects with 400 for data that it refuses. */
  async checked(): Promise<unknown> {
    if (!this.#schema) return this.data;
    this.#checked ??= check(this.#schema, this.data);
    return await this.#checked;
  }
}

type Result = Awaited<ReturnType<CallSchema['~standard']['validate']>>;
type Issue = NonNullable<Result['issues']>[number];

/** As many as a developer reads: a list of bad items has an issue for each. */
const MAX_ISSUES = 5;

async function check(schema: CallSchema, data: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(data);
  if (!result.issues) return result.value;
  throw new BadRequestException(result.issues.slice(0, MAX_ISSUES).map(describe));
}

/** `email: expected a string`; without the path for what is wrong with the data as a whole. */
function describe({ path = [], message }: Issue): string {
  const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
}
