import type { ConfigurableModuleAsyncOptions, Type } from '@nestjs/common';
import type {
  Database,
  MayControl,
  OperationDefinition,
  OperationLimits,
  OperationLog,
  Runner,
} from '@trunkline/operations';

/** Options of `OperationsModule.forRoot`. */
export interface OperationsModuleOptions {
  /** What operations are kept in: `fromPg(pool)` or `fromPglite(client)`. It stays the app's to close. */
  database: Database;
  /** Where durable operations wait: pg-boss or BullMQ. Default: none is durable. */
  runner?: Runner;
  /** Limits that differ from the defaults. */
  limits?: Partial<OperationLimits>;
  /** Roles whose holders see and control every operation of their tenant. Default `['admins']`. */
  adminRoles?: readonly string[];
  /** Who may cancel and retry what they see, beside those roles. Default: its owner. */
  mayControl?: MayControl;
  /** Default: the node's. */
  log?: OperationLog;
  /**
   * How long on shutdown what runs may go on before it has crashed. It is part of `drain.deadlineMs`. Default
   * 5 s, or half of that where it is less.
   */
  shutdownGraceMs?: number;
  /** The routes of operations; `false`: none. */
  http?: OperationsHttpOptions | false;
}

/** How operations are reached over HTTP. */
export interface OperationsHttpOptions {
  /** Where, below the global prefix. Default `operations`. */
  path?: string;
  /**
   * What whoever is logged in may start with `POST /operations`. Each needs a handler by the end
   * of all `onModuleInit`; without an `input` schema it takes no input. Default: nothing, there is no such route.
   */
  start?: readonly OperationDefinition[];
}

/** What the factory of `forRootAsync` gives. */
export type OperationsFactoryOptions = Omit<OperationsModuleOptions, 'http'>;

/** Options of `OperationsModule.forRootAsync`: `http` stands beside the factory, routes are made before it runs. */
export type OperationsModuleAsyncOptions =
  ConfigurableModuleAsyncOptions<OperationsFactoryOptions> & Pick<OperationsModuleOptions, 'http'>;

/** Injection token of the options. */
export const OPERATIONS_OPTIONS: unique symbol = Symbol('trunkline:operations-options');

/** The routes of operations, as they were asked for. */
export interface OperationRoutes {
  readonly path: string;
  readonly controller: Type;
  /** What can be started there, by type. */
  readonly start: ReadonlyMap<string, OperationDefinition>;
}

/** Injection token of the `OperationRoutes`; `null`: there are none. */
export const OPERATION_ROUTES: unique symbol = Symbol('trunkline:operation-routes');
