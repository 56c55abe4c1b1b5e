import { AsyncResource } from 'node:async_hooks';
import type { Realm } from '@trunkline/contract';
import { newEventId } from './event-id.ts';
import { describeError, type Log, ThrottledLog } from './log.ts';
import type { Principal } from './principal.ts';

/** What is put on record. */
export type AuditAction =
  /** A client was told 103, or brought a bad token for a room. */
  | 'access-denied'
  /** Somebody of one tenant reached for another, or for the platform. */
  | 'cross-tenant'
  /** A room's rule has let a client in. */
  | 'room-joined'
  /** Staff of the platform has connected as a support view of a tenant. */
  | 'support-view'
  /** A user's or a tenant's access was taken away. */
  | 'revocation'
  /** A tenant has come to a limit of its own. */
  | 'quota-exceeded'
  /** The second check of the wall has stopped a delivery. */
  | 'isolation-violation'
  /** Somebody of a tenant has sent an event to the platform. */
  | 'platform-send'
  | 'authentication-failed'
  | 'origin-rejected';

/** One thing that happened. It never holds a token, a cookie or what was said. */
export interface AuditRecord {
  /** A ULID. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The id of the node that saw it. */
  readonly node: string;
  readonly action: AuditAction;
  readonly outcome: 'allowed' | 'denied';
  /** Of who acted; of a revocation, of whom it concerns, and `details.by` has acted. */
  readonly realm?: Realm;
  readonly userId?: string;
  /** The connection's client id. */
  readonly clientId?: string;
  /** Where it came from: the client's own address, behind whatever proxies are trusted. */
  readonly address?: string;
  readonly room?: string;
  /** Why: one word of the action's own, or what the app says. */
  readonly reason?: string;
  /** `suppressed`: how many like this one were left out since the last. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A record before it has its id, time and node. */
export type AuditEntry = Omit<AuditRecord, 'id' | 'at' | 'node'>;

/** Where records go: a log, or a table of the app's own. */
export interface AuditSink {
  /** Not waited for. What it throws or rejects with is logged, and disturbs nobody. */
  record(record: AuditRecord): void | Promise<void>;
}

/** Who a session is, for its records. */
export function actorOf(session: {
  readonly id: string;
  readonly address: string;
  readonly principal: Principal;
}): Pick<AuditRecord, 'realm' | 'userId' | 'clientId' | 'address'> {
  const { id, address, principal } = session;
  return { realm: principal.realm, userId: principal.userId, clientId: id, address };
}

/** So long there is one record of a kind: of the same action, realm, user, room and reason. */
const PAUSE_MS = 1_000;
/** Kinds of one realm in that time; what comes on top is one kind for each action. */
const MAX_KINDS = 5_000;
const MAX_ROOM = 128;

/** One kind's pause. */
interface Pause {
  until: number;
  /** How many came meanwhile. */
  suppressed: number;
  /** The last of them: written when the pause is over, or their number would be lost. */
  last: Timed | null;
}

interface Timed {
  readonly entry: AuditEntry;
  readonly at: number;
}

/** The way to the sink: stamps, leaves out what repeats itself, and keeps the sink's failures in. */
export class AuditTrail {
  readonly #node: string;
  readonly #sink: AuditSink;
  readonly #log: ThrottledLog;
  /** By realm, so that one tenant's many kinds are no other's loss. */
  readonly #pauses = new Map<string, Map<string, Pause>>();
  #sweep: NodeJS.Timeout | undefined;
  readonly #onSweep: () => void;

  constructor(node: string, sink: AuditSink, log: Log) {
    this.#node = node;
    this.#sink = sink;
    this.#log = new ThrottledLog(log);
    // The timer is everybody's: set in a tenant's request it must not act as that tenant.
    this.#onSweep = AsyncResource.bind(() => this.#sweepPauses());
  }

  record(entry: AuditEntry): void {
    const timed = { entry, at: Date.now() };
    const now = performance.now();
    const pause = this.#pauseOf(entry);
    if (now < pause.until) {
      pause.suppressed += 1;
      pause.last = timed;
      return;
    }
    this.#write(timed, pause.suppressed);
    restart(pause, now);
    this.#sweep ??= setTimeout(this.#onSweep, PAUSE_MS).unref();
  }

  /** Writes what is held back. */
  stop(): void {
    clearTimeout(this.#sweep);
    this.#sweep = undefined;
    for (const [, pause] of this.#all()) this.#writeLast(pause);
    this.#pauses.clear();
  }

  #pauseOf(entry: AuditEntry): Pause {
    const { action, userId, room, reason } = entry;
    const realm = realmKey(entry.realm);
    const pauses = this.#pauses.get(realm) ?? new Map<string, Pause>();
    this.#pauses.set(realm, pauses);
    const kind = JSON.stringify([action, userId, room?.slice(0, MAX_ROOM), reason]);
    const key = pauses.has(kind) || pauses.size < MAX_KINDS ? kind : action;
    const pause = pauses.get(key) ?? { until: 0, suppressed: 0, last: null };
    pauses.set(key, pause);
    return pause;
  }

  #sweepPauses(): void {
    const now = performance.now();
    for (const [forget, pause] of this.#all()) {
      if (now < pause.until) continue;
      if (this.#writeLast(pause)) restart(pause, now);
      else forget();
    }
    this.#sweep = this.#pauses.size > 0 ? setTimeout(this.#onSweep, PAUSE_MS).unref() : undefined;
  }

  *#all(): Generator<[forget: () => void, Pause]> {
    for (const [realm, pauses] of this.#pauses) {
      for (const [kind, pause] of pauses) yield [() => pauses.delete(kind), pause];
      if (pauses.size === 0) this.#pauses.delete(realm);
    }
  }

  #writeLast({ last, suppressed }: Pause): boolean {
    if (last) this.#write(last, suppressed - 1);
    return last !== null;
  }

  #write({ entry, at }: Timed, suppressed: number): void {
    const { room, details } = entry;
    const record: AuditRecord = {
      id: newEventId(),
      at,
      node: this.#node,
      ...entry,
      ...(room === undefined ? {} : { room: room.slice(0, MAX_ROOM) }), // clients name it
      ...(suppressed > 0 ? { details: { ...details, suppressed } } : {}),
    };
    void this.#hand(record);
  }

  async #hand(record: AuditRecord): Promise<void> {
    const { id, action } = record;
    try {
      await this.#sink.record(record);
    } catch (error) {
      this.#log.error('audit_failed', action, { id, action, error: describeError(error) });
    }
  }
}

function restart(pause: Pause, now: number): void {
  pause.until = now + PAUSE_MS;
  pause.suppressed = 0;
  pause.last = null;
}

// A tenant's id holds no space.
function realmKey(realm: Realm | undefined): string {
  if (!realm) return ' nobody';
  return realm.kind === 'platform' ? ' platform' : realm.tenantId;
}
