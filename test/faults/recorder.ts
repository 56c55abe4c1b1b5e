import type { Frame, Subscribed } from '../../packages/server/test/model/ledger.ts';
import type { LastWord } from './audience.ts';
import { now } from './clock.ts';
import { type CompactReader, ReaderLedger, type SeenStreams } from './compact-ledger.ts';
import { Histogram, type HistogramData } from './histogram.ts';
import { isWhole, type LabPayload } from './payload.ts';
import { keyOf, type Person } from './person.ts';

/** What a client of the lab tells of itself, of whichever make it is. */
export interface ClientListener {
  subscribed(wireName: string, told: Omit<Subscribed, 'kind' | 'callsBefore'>): void;
  publication(wireName: string, payload: unknown, offset: number): void;
  /** The server has taken the channel away. */
  ended(wireName: string): void;
  /** Its connection is there. */
  connected(): void;
  /** Its connection is lost; `closed 3001`, `cut`, `no ping`, … */
  lost(how: string): void;
  /** Whatever else it was told: statuses, errors, giving up. */
  outcome(what: string): void;
  /** Bytes as they came. */
  frame(text: string): void;
}

/** What a process has counted of all its clients since the last look. */
export interface Counted {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly recovered: number;
  readonly gaps: number;
  readonly deliveries: number;
  /** From each publish's call to each delivery. */
  readonly latencies: HistogramData;
  /** From the loss of a connection until its client was in all its channels again. */
  readonly recoveries: HistogramData;
  /** Frames in which there was text of another tenant. */
  readonly foreign: readonly Frame[];
}

/** The counts of a process, which its recorders add to. */
export class Counters {
  recovered = 0;
  gaps = 0;
  readonly latencies = new Histogram();
  readonly recoveries = new Histogram();
  readonly foreign: Frame[] = [];
  readonly #outcomes: Record<string, number> = {};

  count(outcome: string): void {
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
  }

  get outcomes(): Readonly<Record<string, number>> {
    return this.#outcomes;
  }

  /** What was counted since the last time. */
  take(): Counted {
    const counted: Counted = {
      outcomes: { ...this.#outcomes },
      recovered: this.recovered,
      gaps: this.gaps,
      deliveries: this.latencies.count,
      latencies: this.latencies.take(),
      recoveries: this.recoveries.take(),
      foreign: this.foreign.splice(0),
    };
    this.recovered = 0;
    this.gaps = 0;
    for (const outcome of Object.keys(this.#outcomes)) delete this.#outcomes[outcome];
    return counted;
  }
}

/** What a recorder is made from. */
export interface RecorderInit {
  readonly name: string;
  readonly person: Person;
  /** The channels that it must be in to be all there. */
  readonly wires: readonly string[];
  /** The markers of all others' tenants. */
  readonly foreign: readonly string[];
  readonly seen: SeenStreams;
  readonly counters: Counters;
}

/** Puts down what one client is told. */
export class Recorder implements ClientListener {
  readonly #init: RecorderInit;
  readonly #ledgers = new Map<string, ReaderLedger>();
  readonly #isIn = new Set<string>();
  #isConnected = false;
  #lostAt: number | null = null;

  constructor(init: RecorderInit) {
    this.#init = init;
  }

  /** Is it connected, and in all its channels? */
  get isThere(): boolean {
    return this.#isConnected && this.#init.wires.every((wire) => this.#isIn.has(wire));
  }

  subscribed(wireName: string, told: Omit<Subscribed, 'kind' | 'callsBefore'>): void {
    const { counters } = this.#init;
    if (told.recovered) counters.recovered += 1;
    else if (told.wasRecovering) counters.gaps += 1;
    this.#ledgerOf(wireName).subscribed(told, now());
    this.#isIn.add(wireName);
    if (this.#lostAt === null || !this.isThere) return;
    counters.recoveries.add(now() - this.#lostAt);
    this.#lostAt = null;
  }

  publication(wireName: string, payload: unknown, offset: number): void {
    const { id, tenantId, at } = payload as LabPayload;
    const { counters } = this.#init;
    counters.latencies.add(now() - at);
    if (!isWhole(payload as LabPayload)) this.outcome('spoiled');
    this.#ledgerOf(wireName).delivered({ id, tenantId }, offset);
  }

  ended(wireName: string): void {
    this.#isIn.delete(wireName);
    this.#ledgerOf(wireName).ended();
  }

  /** It has to ask for the channel again. */
  left(wireName: string): void {
    this.#isIn.delete(wireName);
  }

  connected(): void {
    this.#isConnected = true;
  }

  lost(how: string): void {
    if (this.#isConnected) this.#lostAt = now();
    this.#isConnected = false;
    this.#isIn.clear();
    this.outcome(how);
  }

  outcome(what: string): void {
    this.#init.counters.count(what);
  }

  frame(text: string): void {
    const { foreign, counters, name: client, person } = this.#init;
    if (!foreign.some((marker) => text.includes(marker))) return;
    counters.foreign.push({ client, tenantId: person.tenantId, text });
  }

  /** Is it in a channel to whose last publication, by its key, it has not come? */
  isBehind(lastWords: Readonly<Record<string, LastWord>>): boolean {
    return [...this.#isIn].some((wire) => {
      const last = lastWords[keyOf(this.#init.person, wire)];
      return last !== undefined && !this.#ledgers.get(wire)?.hasComeTo(last);
    });
  }

  readers(): CompactReader[] {
    const { name: client, person } = this.#init;
    return [...this.#ledgers].map(([wire, { entries }]) => ({
      client,
      channel: keyOf(person, wire),
      tenantId: person.tenantId,
      isLive: this.#isConnected && this.#isIn.has(wire),
      entries,
    }));
  }

  #ledgerOf(wireName: string): ReaderLedger {
    const known = this.#ledgers.get(wireName);
    if (known) return known;
    const ledger = new ReaderLedger(keyOf(this.#init.person, wireName), this.#init.seen);
    this.#ledgers.set(wireName, ledger);
    return ledger;
  }
}
