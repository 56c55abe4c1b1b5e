import { defineOperation, type OperationPrincipal } from '@trunkline/operations';
import { ControlledWork } from './controlled-work.ts';
import { openEngine, SHORT_LEASE, type TestEngine } from './engine.ts';
import { newUser, type StoreOf } from './store.ts';

/** What `openPair` runs. */
export const pairedImport = defineOperation('import', { retryable: true });

/** Work that runs in one engine, beside another one, both with short leases. */
export interface Pair {
  readonly owner: TestEngine;
  readonly other: TestEngine;
  readonly as: OperationPrincipal;
  readonly id: string;
  readonly controlled: ControlledWork;
  readonly signal: AbortSignal;
}

/** Opens two engines on a store, and lets work begin in the first. */
export async function openPair(storeOf: StoreOf): Promise<Pair> {
  const open = () => openEngine(storeOf(), { limits: SHORT_LEASE });
  const [owner, other] = [await open(), await open()];
  const as = newUser();
  const controlled = new ControlledWork();
  owner.operations.handle(pairedImport, controlled.work);
  const { id } = await owner.operations.start(pairedImport, { as });
  const { signal } = await controlled.begun;
  return { owner, other, as, id, controlled, signal };
}
