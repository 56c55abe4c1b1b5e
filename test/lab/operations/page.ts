import { type Lease, type Operation, Registry, toAddress } from '@trunkline/client';
import { isOperationEvent, type OperationProgress } from '@trunkline/contract';
import { isFor, now, type Person, type StoredRow, tokenOf } from './cast.ts';
import { Screen } from './screen.ts';
import { Witness } from './witness.ts';

/** One page of a person, as the hooks would make it, with somebody who looks at it. */
export class Page {
  readonly person: Person;
  readonly screen = new Screen();
  readonly witness = new Witness();
  readonly errors: string[] = [];
  /** How often it was told that it has missed something. */
  gaps = 0;
  /** Events of operations that have come. */
  heard = 0;
  readonly #registry = new Registry();
  readonly #lease: Lease;

  constructor(url: string, person: Person) {
    this.person = person;
    const settings = {
      url,
      getToken: () => tokenOf(person),
      tenantId: person.tenant,
      httpFallback: false,
      toast: this.screen,
      onError: (error: unknown) => void this.errors.push(String(error)),
      onGap: () => void (this.gaps += 1),
    } as const;
    this.#lease = this.#registry.acquire(toAddress(person.user, settings), settings);
    const { client } = this.#lease;
    client.toasts.mount(() => (person.isCurious ? { include: 'tenant' } : {}));
    client.operations.state.subscribe(() => this.#look(client.operations.values()));
    this.#watchMerges();
  }

  get client() {
    return this.#lease.client;
  }

  get isLive(): boolean {
    return this.client.state.get().status === 'live' && this.client.operations.state.get().isLoaded;
  }

  /** What of these operations this page shows otherwise, or not at all. */
  differences(rows: readonly StoredRow[]): string[] {
    return rows
      .filter((row) => isFor(this.person, row))
      .flatMap((row) => difference(row, this.client.operations.get(row.id)) ?? [])
      .map((text) => this.#said(text));
  }

  /** What it shows that is not for its person. */
  strangers(rows: readonly StoredRow[]): string[] {
    const foreign = rows.filter((row) => !isFor(this.person, row));
    const shown = foreign.filter(({ id }) => this.client.operations.get(id));
    return shown.map(({ id }) => this.#said(`${id} is not for them`));
  }

  #said(text: string): string {
    return `${this.person.user} of ${this.person.tenant}: ${text}`;
  }

  /** How many operations of these it shows. */
  count(rows: readonly StoredRow[]): number {
    return rows.filter((row) => isFor(this.person, row)).length;
  }

  close(): void {
    this.#lease.release();
    this.#registry.enter(toAddress('', {}));
  }

  /** Not only what is painted: of what comes in one turn each step counts. */
  #watchMerges(): void {
    const { operations } = this.client;
    const merge = operations.hear.bind(operations);
    operations.hear = (event) => {
      merge(event);
      if (!isOperationEvent(event.type)) return;
      this.heard += 1;
      const { operationId } = event.data as OperationProgress;
      const operation = operations.get(operationId);
      if (operation) this.#look([operation]);
    };
  }

  #look(operations: readonly Operation[]): void {
    const at = now();
    for (const operation of operations) this.witness.see(operation, at);
  }
}

const SHOWN = ['state', 'seq', 'attempt', 'percentage', 'stage'] as const;

function difference(row: StoredRow, shown: Operation | undefined): string | null {
  if (!shown) return `${row.id} is not there, it is ${row.state}`;
  const wrong = SHOWN.find((field) => (shown[field] ?? null) !== row[field]);
  return wrong ? `${row.id} has ${wrong} ${shown[wrong]}, it is ${row[wrong]}` : null;
}
