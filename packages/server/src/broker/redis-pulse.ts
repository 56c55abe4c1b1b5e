import { Command, type Redis } from 'ioredis';

const BEAT_MS = 1_000;

/**
 * Notices that the other end of a connection is gone without a word: asks it something every second, and
 * says so when nothing at all has come for too long. What has arrived is read first: after a stall of
 * this process the answer may be waiting in the socket.
 */
export class RedisPulse {
  readonly #redis: Redis;
  readonly #patienceMs: number;
  readonly #onDead: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #heardAt = 0;
  /** How much had come by then. */
  #bytes = 0;

  constructor(redis: Redis, patienceMs: number, onDead: () => void) {
    this.#redis = redis;
    this.#patienceMs = patienceMs;
    this.#onDead = onDead;
    // Each connection begins with a handshake, which may get no answer, either.
    redis.on('connect', () => this.#begin());
  }

  start(): void {
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #begin(): void {
    this.#isAsking = false;
    this.#bytes = 0;
    this.#heardAt = performance.now();
  }

  #beat(): void {
    const { status } = this.#redis;
    if (status !== 'connect' && status !== 'ready') return;
    this.#listen();
    if (performance.now() - this.#heardAt > this.#patienceMs) {
      setImmediate(() => this.#look());
    }
    if (status === 'ready' && !this.#isAsking) this.#ask();
  }

  #look(): void {
    this.#listen();
    if (performance.now() - this.#heardAt > this.#patienceMs) this.#onDead();
  }

  #listen(): void {
    const { bytesRead } = this.#redis.stream;
    if (bytesRead === this.#bytes) return;
    this.#bytes = bytesRead;
    this.#heardAt = performance.now();
  }

  #ask(): void {
    this.#isAsking = true;
    const { stream } = this.#redis;
    const ping = new Command('ping', [], {}, () => {
      if (stream === this.#redis.stream) this.#isAsking = false;
    });
    void this.#redis.sendCommand(ping);
  }
}
