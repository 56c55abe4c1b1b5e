import {
  type Address,
  CallError,
  kindType,
  NO_OPERATIONS,
  named,
  type Operation,
  type OperationKind,
  type Operations,
  type Plug,
  pageRegistry,
} from '@trunkline/client';
import { isTerminal } from '@trunkline/contract';
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useClient } from './use-client.ts';

/** Which operations `useOperations` returns. */
export interface UseOperationsOptions {
  /** Only these kinds, by type or by definition, whose label then names them. Default: all. */
  readonly types?: readonly OperationKind[] | undefined;
  /** `active`: those that have not ended; `ended`: the others. Default: both. */
  readonly state?: 'active' | 'ended' | undefined;
}

/** What `useOperations` returns. */
export interface UseOperationsResult {
  /** The newest first. */
  readonly operations: readonly Operation[];
  /** Those of them that have not ended. */
  readonly running: readonly Operation[];
  /** Those of them that have. */
  readonly ended: readonly Operation[];
  /** The server's list has not been read yet. */
  readonly isLoading: boolean;
  /** Are there older ones that have ended, for `loadMore`? */
  readonly hasMore: boolean;
  /** Cancels an operation; rejects with a `CallError`. The same function for one user. */
  readonly cancel: (id: string) => Promise<Operation>;
  /** Tries an operation again; rejects with a `CallError`. The same function for one user. */
  readonly retry: (id: string) => Promise<Operation>;
  /** Adds older ones; rejects with a `CallError`. The same function for one user. */
  readonly loadMore: () => Promise<void>;
}

const NO_OPTIONS: UseOperationsOptions = {};
const WATCH: Plug = ({ operations }) => operations.watch();

/**
 * The long-running operations that the user may see, theirs and those of others: what runs, what has
 * ended, and what to do about it.
 */
export function useOperations(
  userId: string,
  options: UseOperationsOptions = NO_OPTIONS,
): UseOperationsResult {
  const { consumer, address } = useClient(userId, WATCH);
  const { operations, isLoaded, hasMore } = useSyncExternalStore(
    consumer.watch,
    useCallback(() => consumer.operations(address), [consumer, address]),
    () => NO_OPERATIONS,
  );
  const lists = useLists(operations, options);
  const commands = useMemo(() => commandsOf(address), [address]);
  const isLoading = address.userId !== '' && !isLoaded;
  return useMemo(
    () => ({ ...lists, ...commands, isLoading, hasMore }),
    [lists, commands, isLoading, hasMore],
  );
}

type Lists = Pick<UseOperationsResult, 'operations' | 'running' | 'ended'>;

function useLists(all: readonly Operation[], { types, state }: UseOperationsOptions): Lists {
  // an array in the call is another one each time
  const key = types && JSON.stringify(types.map(nameOf));
  return useMemo(() => {
    const kinds = key === undefined ? null : (JSON.parse(key) as readonly OperationKind[]);
    const wanted = kinds?.map(kindType);
    const chosen = all.filter(({ type }) => wanted?.includes(type) ?? true);
    const labelled = chosen.map((operation) => named(operation, kinds ?? []));
    const ended = labelled.filter((operation) => isTerminal(operation.state));
    const running = labelled.filter((operation) => !isTerminal(operation.state));
    if (state === 'active') return { operations: running, running, ended: [] };
    if (state === 'ended') return { operations: ended, running: [], ended };
    return { operations: labelled, running, ended };
  }, [all, key, state]);
}

function nameOf(kind: OperationKind): OperationKind {
  return typeof kind === 'string' ? kind : { type: kind.type, label: kind.label };
}

type Commands = Pick<UseOperationsResult, 'cancel' | 'retry' | 'loadMore'>;

/** Over the connection of the moment. */
function commandsOf(address: Address): Commands {
  const operations = (): Operations => {
    const client = address.userId === '' ? undefined : pageRegistry().peek(address);
    if (!client) throw new CallError(3, 'Not connected: nobody is logged in.');
    return client.operations;
  };
  return {
    cancel: async (id) => await operations().cancel(id),
    retry: async (id) => await operations().retry(id),
    loadMore: async () => await operations().loadMore(),
  };
}
