import { type Operation, type OperationEvent, OperationStore } from '@trunkline/client';
import { TestOperations } from '@trunkline/client/testing';
import type { AppEvent, OperationSnapshot } from '@trunkline/contract';

/** A server's account of one operation: each update as the event and the snapshot that tell of it. */
export interface Update {
  readonly snapshot: OperationSnapshot;
  readonly event: OperationEvent;
}

/** Records what a server tells of its operations, instead of sending it. */
export function recordUpdates(): { operations: TestOperations; updates: Update[] } {
  const updates: Update[] = [];
  const events: AppEvent[] = [];
  const operations = new TestOperations({ calls: {}, send: (event) => events.push(event) });
  const { tell } = operations;
  operations.tell = (snapshot) => {
    tell(snapshot);
    updates.push({ snapshot, event: received(events.at(-1) as AppEvent) });
  };
  return { operations, updates };
}

export function received(event: AppEvent, scope = 'user'): OperationEvent {
  const envelope = { v: 1, id: 'e', ts: 0, scope, channel: '@user', replayed: false };
  return { ...envelope, ...event } as unknown as OperationEvent;
}

/** A store, and every state of every operation in it, in order. */
export function watchedStore(): { store: OperationStore; seen: Operation[] } {
  const seen: Operation[] = [];
  const store = new OperationStore({
    onChange: (operation) => void seen.push(operation),
    onForget: () => {},
  });
  return { store, seen };
}
