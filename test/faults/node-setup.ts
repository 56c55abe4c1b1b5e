import type { DrainOptions, Limits, TenantLimits } from '@trunkline/server';

/** What the nodes of an experiment share. */
export type EngineSetup =
  | { readonly kind: 'memory' }
  | {
      readonly kind: 'redis';
      /** Where the commands go, and the subscriptions: cables of their own. */
      readonly connection: string;
      readonly subscriberConnection: string;
      readonly prefix: string;
      /** More options of `redisBroker`, as they are. */
      readonly options?: Readonly<Record<string, unknown>>;
    };

/** How a node of the lab is set up; what is left out is as by default. */
export interface NodeSetup {
  readonly name: string;
  readonly port: number;
  readonly engine: EngineSetup;
  readonly limits?: Partial<Limits>;
  readonly tenants?: Readonly<Record<string, Partial<TenantLimits>>>;
  readonly drain?: DrainOptions;
  readonly trustedProxies?: readonly string[];
  /** How long `authenticate` takes. */
  readonly authenticateMs?: number;
  /** The URL of a module that exports a `LabApp` as `app`. Default: the lab's own. */
  readonly app?: string;
  /** The name of a fault that is seeded in its source (test/seeded-faults), for a negative control. */
  readonly fault?: string;
  /** Where it puts down what it publishes, as it does so: it may be killed at any time. */
  readonly ledgerFile: string;
  /** How often it has been started before. */
  readonly life: number;
}

// JSON knows no Infinity, and it is how a limit is switched off.
const INFINITY = 'Infinity';

/** The setup as text for a process. */
export function setupText(setup: NodeSetup): string {
  return JSON.stringify(setup, (_, value: unknown) => (value === Infinity ? INFINITY : value));
}

export function setupOf(text: string): NodeSetup {
  return JSON.parse(text, (_, value: unknown) =>
    value === INFINITY ? Infinity : value,
  ) as NodeSetup;
}
