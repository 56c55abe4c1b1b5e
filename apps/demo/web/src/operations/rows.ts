import { isTerminal, type OperationSnapshot } from '@trunkline/contract';
import type { Operation } from '@trunkline/react';

/** An operation as the pages show it: as the server has listed it, and what has happened since. */
export interface OperationRow
  extends Pick<
    OperationSnapshot,
    'id' | 'type' | 'label' | 'state' | 'seq' | 'attempt' | 'maxAttempts' | 'createdAt' | 'labels'
  > {
  readonly percentage?: number | undefined;
  readonly stage?: string | undefined;
  readonly message?: string | undefined;
  readonly result?: unknown;
  readonly error?: Operation['error'] | undefined;
  /** Absent: nobody has said. */
  readonly ownerId?: string | undefined;
  readonly isCancellable: boolean;
  readonly isRetryable: boolean;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
}

/** What has been listed, with what has been heard since; the newest first. */
export function withLive(
  listed: readonly OperationSnapshot[],
  live: readonly Operation[],
): OperationRow[] {
  const heard = new Map(live.filter(({ isStored }) => isStored).map((one) => [one.id, one]));
  const rows = newestOfEach(listed).map((snapshot) => newer(snapshot, heard.get(snapshot.id)));
  const known = new Set(rows.map(({ id }) => id));
  const unlisted = [...heard.values()].filter(({ id }) => !known.has(id));
  return [...rows, ...unlisted.map((one) => update(UNLISTED, one))].toSorted(newestFirst);
}

/** The ids of those whose list is behind: they are not in it, or began or ended after it was read. */
export function unlistedSteps(
  listed: readonly OperationSnapshot[],
  live: readonly Operation[],
): string {
  const steps = new Set(listed.map(stepOf));
  const missing = live.filter((one) => one.isStored && !steps.has(stepOf(one)));
  return missing.map(stepOf).join(' ');
}

/** A list that was read later may have an operation that another one has too. */
function newestOfEach(listed: readonly OperationSnapshot[]): OperationSnapshot[] {
  const byId = new Map<string, OperationSnapshot>();
  for (const snapshot of listed) {
    const known = byId.get(snapshot.id);
    if (!known || snapshot.seq > known.seq) byId.set(snapshot.id, snapshot);
  }
  return [...byId.values()];
}

function newer(snapshot: OperationSnapshot, heard: Operation | undefined): OperationRow {
  return heard && (heard.seq ?? 0) > snapshot.seq ? update(snapshot, heard) : snapshot;
}

/** An event says nothing of these: the list does. */
type Listed = Pick<OperationRow, 'labels' | 'startedAt'>;

const UNLISTED: Listed = { labels: {} };

function update({ labels, startedAt }: Listed, heard: Operation): OperationRow {
  return { ...heard, seq: heard.seq ?? 0, labels, startedAt };
}

function stepOf({ id, state, attempt }: OperationSnapshot | Operation): string {
  return `${id}:${attempt}:${isTerminal(state) ? state : 'active'}`;
}

/** ULIDs: a later one is greater. */
function newestFirst(a: OperationRow, b: OperationRow): number {
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}
