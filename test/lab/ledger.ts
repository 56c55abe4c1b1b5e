// Looks at every byte that a server hands to its sockets: is it of something that was taken away?
import { Session, type SessionInit } from '@trunkline/server/testing';

type Transport = SessionInit['transport'];
type Batch = Parameters<Transport['send']>[0];
type Progress = NonNullable<Parameters<Transport['send']>[1]>;

/** What was written that should not have been, in bytes. */
export interface Offences {
  /** Handed to a socket behind the acknowledgement. */
  readonly handed: number;
  /** Handed before, but still in this process when it was acknowledged. */
  readonly waiting: number;
}

/** What was taken from a person. */
interface Taken {
  readonly label: string;
  /** In each line that the person may not get any more. */
  readonly mark: string;
}

/** What was handed to a socket a moment ago. */
interface Handed {
  readonly batch: Batch;
  readonly at: number;
}

/** Who may not get what any more, and what they got all the same. */
export class Ledger {
  readonly offences = new Map<string, Offences>();
  readonly #taken = new Map<string, Taken[]>();
  readonly #ways = new Map<string, Set<WatchedTransport>>();
  readonly #handed = new Map<string, Handed[]>();
  readonly #memoryMs: number;
  readonly #now: () => number;

  /** `memoryMs`: so much later it may be told when, by that clock, something was acknowledged. */
  constructor(memoryMs = 0, now: () => number = () => performance.now()) {
    this.#memoryMs = memoryMs;
    this.#now = now;
  }

  /** From that moment on no line with that mark may go to the person. Default: from here on. */
  acknowledged(person: string, taken: Taken, since = Infinity): void {
    const waiting = this.waysTo(person).map((way) => way.bytesLeft(taken.mark));
    const late = (this.#handed.get(person) ?? []).filter(({ at }) => at > since);
    const handed = late.map(({ batch }) => bytesOf(batch, taken.mark));
    this.#add(taken.label, { handed: sum(handed), waiting: sum(waiting) });
    this.#taken.set(person, [...(this.#taken.get(person) ?? []), taken]);
  }

  /** The person may get it again. */
  given(person: string, mark: string): void {
    const others = this.#taken.get(person)?.filter((taken) => taken.mark !== mark) ?? [];
    this.#taken.set(person, others);
  }

  waysTo(person: string): WatchedTransport[] {
    return [...(this.#ways.get(person) ?? [])];
  }

  opened(person: string, way: WatchedTransport): void {
    const ways = this.#ways.get(person) ?? new Set();
    this.#ways.set(person, ways.add(way));
  }

  gone(person: string, way: WatchedTransport): void {
    this.#ways.get(person)?.delete(way);
  }

  handed(person: string, batch: Batch): void {
    if (this.#memoryMs > 0) this.#remember(person, batch);
    for (const { label, mark } of this.#taken.get(person) ?? []) {
      const handed = bytesOf(batch, mark);
      if (handed > 0) this.#add(label, { handed, waiting: 0 });
    }
  }

  #remember(person: string, batch: Batch): void {
    const at = this.#now();
    const handed = this.#handed.get(person) ?? [];
    const fresh = handed.findIndex((each) => each.at > at - this.#memoryMs);
    handed.splice(0, fresh < 0 ? handed.length : fresh);
    handed.push({ batch, at });
    this.#handed.set(person, handed);
  }

  #add(label: string, { handed, waiting }: Offences): void {
    const before = this.offences.get(label) ?? { handed: 0, waiting: 0 };
    this.offences.set(label, {
      handed: before.handed + handed,
      waiting: before.waiting + waiting,
    });
  }
}

/** A session whose writes are looked at. */
export class WatchedSession extends Session {
  readonly #way: WatchedTransport;
  readonly #ledger: Ledger;

  constructor(init: SessionInit, ledger: Ledger) {
    const way = new WatchedTransport(init.transport, ledger);
    super({ ...init, transport: way });
    this.#way = way;
    this.#ledger = ledger;
    way.session = this;
  }

  override closed(): void {
    if (this.#way.person !== null) this.#ledger.gone(this.#way.person, this.#way);
    super.closed();
  }
}

/** A transport that remembers what its socket has not written yet. */
class WatchedTransport implements Transport {
  session: Session | null = null;
  /** To whom it leads; `null`: nobody yet. */
  person: string | null = null;
  /** Is its socket full? */
  isBlocked = false;
  readonly #inner: Transport;
  readonly #ledger: Ledger;
  /** What was handed over and may not have left, with where its end stands among all bytes. */
  #writes: { readonly batch: Batch; readonly end: number }[] = [];
  #handed = 0;
  #isDestroyed = false;

  constructor(inner: Transport, ledger: Ledger) {
    this.#inner = inner;
    this.#ledger = ledger;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  send(batch: Batch, progress?: Progress): void {
    this.#note(batch);
    if (!progress) {
      this.#inner.send(batch);
      return;
    }
    this.isBlocked = true;
    const onWritten = () => {
      this.isBlocked = false;
      progress.onWritten();
    };
    const onStall = () => progress.onStall();
    this.#inner.send(batch, { onWritten, onStall, stallMs: progress.stallMs });
  }

  close(...how: Parameters<Transport['close']>): void {
    this.#inner.close(...how);
  }

  terminate(): void {
    this.#isDestroyed = true;
    this.#inner.terminate();
  }

  /** Bytes of lines with that mark that are still in this process. */
  bytesLeft(mark: string): number {
    if (this.#isDestroyed) return 0;
    this.#forgetWritten();
    return sum(this.#writes.map(({ batch }) => bytesOf(batch, mark)));
  }

  #note(batch: Batch): void {
    this.#forgetWritten();
    this.#handed += batch.frame.length;
    this.#writes.push({ batch, end: this.#handed });
    this.#greet();
    if (this.person !== null) this.#ledger.handed(this.person, batch);
  }

  /** With the first thing that is written it is known to whom. */
  #greet(): void {
    const principal = this.session?.actsFor;
    if (this.person !== null || !principal || principal.realm.kind !== 'tenant') return;
    this.person = `${principal.realm.tenantId}/${principal.userId}`;
    this.#ledger.opened(this.person, this);
  }

  #forgetWritten(): void {
    const written = this.#handed - this.#inner.bufferedBytes;
    const first = this.#writes.findIndex(({ end }) => end > written);
    this.#writes = first < 0 ? [] : this.#writes.slice(first);
  }
}

function bytesOf(batch: Batch, mark: string): number {
  let bytes = 0;
  for (let part: Batch | null = batch; part; part = part.before) {
    if (part.line.text.includes(mark)) bytes += part.line.bytes;
  }
  return bytes;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
