import { AsyncResource } from 'node:async_hooks';
import { Command, type Redis } from 'ioredis';
import { withTimeout } from '../with-timeout.ts';
import { BrokerUnavailableError } from './broker.ts';
import {
  failureOf,
  isLasting,
  lostAnswer,
  NoAnswerError,
  refusalOf,
  withoutCommand,
} from './redis-errors.ts';
import { type Asked, InFlight, type InFlightLimits } from './redis-in-flight.ts';
import { RedisPulse } from './redis-pulse.ts';

/** What a command is given, after its name. */
export type RedisArgument = string | number;

/** Sends one command, and resolves with what Redis answers. */
export type RedisCall = (name: string, args: readonly RedisArgument[]) => Promise<unknown>;

/** How a link is made. */
export interface RedisLinkOptions {
  readonly name: string;
  /** Makes the connection, which connects by itself again and again, and not before it is told to. */
  readonly connect: (retryStrategy: () => number) => Redis;
  /** What is to be done before it is of use, each time anew. */
  readonly prepare: (call: RedisCall) => Promise<void>;
  readonly limits: InFlightLimits;
  readonly listener: RedisLinkListener;
}

/** What a link tells. Must not throw. */
interface RedisLinkListener {
  /** It is of use. `isAgain`: it was before, too. */
  onUp(isAgain: boolean): void;
  /** It is of no use any more: until it is up again, if nobody has stopped it. */
  onDown(reason: Error): void;
  /** Redis did not answer in time. */
  onLate(): void;
  /** Redis has refused, with this code, what was asked at that moment. */
  onRefused(code: string, askedAt: number): void;
}

const SILENCE = new Error('Redis has not said anything for too long');

interface Question {
  readonly asked: Asked;
  readonly args: readonly RedisArgument[];
}

/** Times that an answer may take: then the other end is gone. */
const DEAD_AFTER = 1.5;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

/**
 * One connection to Redis that heals by itself. What is asked of it is written in the order of the calls,
 * all of one turn in one go; what cannot be written at once is refused: nothing queues for better times.
 */
export class RedisLink {
  readonly redis: Redis;
  readonly #options: RedisLinkOptions;
  readonly #inFlight: InFlight;
  readonly #pulse: RedisPulse;
  readonly #flush: () => void;
  readonly #enter: (work: () => void) => void;
  #state: 'down' | 'preparing' | 'up' | 'stopped' = 'down';
  /** Each time that it connects is a life of its own. */
  #life = 0;
  #wasUp = false;
  /** What was asked in this turn. */
  #turn: Question[] = [];
  #attempts = 0;
  #lastError: Error | null = null;
  readonly #firstUp = Promise.withResolvers<void>();

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#inFlight = new InFlight(options.limits, () => options.listener.onLate());
    // The connection is everybody's: what ioredis does on a tenant's behalf must not act as that tenant.
    const outside = new AsyncResource('RedisLink');
    this.#enter = (work) => outside.runInAsyncScope(work);
    this.#flush = outside.bind(() => this.#write());
    this.#firstUp.promise.catch(() => {});
    this.redis = options.connect(() => this.#retryDelayMs());
    const patienceMs = options.limits.timeoutMs * DEAD_AFTER;
    this.#pulse = new RedisPulse(this.redis, patienceMs, () => this.#destroy(SILENCE));
    this.#listen();
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Is it connected, and being prepared? */
  get isPreparing(): boolean {
    return this.#state === 'preparing';
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Begins to connect; resolves when it is up, rejects when it cannot be, or not in that time. */
  async start(timeoutMs: number): Promise<void> {
    this.#enter(() => {
      this.#connect();
      this.#pulse.start();
    });
    await withTimeout(this.#firstUp.promise, timeoutMs, () => this.#unavailable());
  }

  /** As `RedisCall`; rejects with `BrokerUnavailableError` when it certainly was not done. */
  call: RedisCall = (name, args) => {
    if (this.#state !== 'up') return Promise.reject(this.#unavailable());
    return this.#ask(name, args);
  };

  /** Cuts the connection, which comes back by itself. */
  cut(): void {
    if (this.#state !== 'stopped') this.#enter(() => this.#destroy());
  }

  /** Waits for what was asked, and closes. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#pulse.stop();
    this.#lastError = new Error('the broker is stopped');
    this.#firstUp.reject(this.#unavailable());
    await this.#inFlight.settled();
    this.#inFlight.abandon(
      ({ name }) => new NoAnswerError(`The broker was stopped before Redis answered ${name}`),
    );
    this.#enter(() => {
      this.redis.disconnect();
      this.#destroy();
    });
  }

  #listen(): void {
    this.#enter(() => {
      this.redis.on('error', (error: Error) => {
        this.#lastError = withoutCommand(error);
        if (isLasting(error)) this.#firstUp.reject(failureOf('the connection', error));
      });
      this.redis.on('ready', () => void this.#prepare());
      this.redis.on('close', () => this.#down());
      // It gives up where it cannot even begin: without a sentinel that answers, for example.
      this.redis.on('end', () => {
        this.#down();
        if (this.#state !== 'stopped') setTimeout(() => this.#connect(), this.#retryDelayMs());
      });
    });
  }

  #connect(): void {
    if (this.#state === 'stopped') return;
    this.redis.connect().catch((error: Error) => {
      this.#lastError ??= withoutCommand(error);
    });
  }

  async #prepare(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#life += 1;
    const life = this.#life;
    this.#state = 'preparing';
    try {
      // What prepares it is bounded by itself, and refused it would never be up.
      await this.#options.prepare((name, args) => this.#add(name, args, sizeOf(args)));
    } catch (error) {
      if (life === this.#life) this.#failToPrepare(error as Error);
      return;
    }
    if (life !== this.#life || this.#state !== 'preparing') return;
    this.#state = 'up';
    this.#lastError = null;
    this.#attempts = 0;
    this.#firstUp.resolve();
    this.#options.listener.onUp(this.#wasUp);
    this.#wasUp = true;
  }

  #failToPrepare(error: Error): void {
    this.#lastError = error;
    if (isLasting(error.cause)) this.#firstUp.reject(error);
    this.#destroy();
  }

  #down(): void {
    const wasUp = this.#state === 'up';
    if (this.#state !== 'stopped') this.#state = 'down';
    this.#life += 1;
    this.#refuse(this.#turn);
    this.#turn = [];
    const reason = this.#lastError ?? new Error('the connection was closed');
    this.#inFlight.abandon(({ name }) => lostAnswer(name, reason));
    if (wasUp) this.#options.listener.onDown(reason);
  }

  #ask(name: string, args: readonly RedisArgument[]): Promise<unknown> {
    const bytes = sizeOf(args);
    const refusal = this.#inFlight.refusal(bytes, performance.now());
    return refusal ? Promise.reject(refusal) : this.#add(name, args, bytes);
  }

  #add(name: string, args: readonly RedisArgument[], bytes: number): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const now = performance.now();
    const asked: Asked = {
      name,
      bytes,
      askedAt: now,
      sentAt: now,
      resolve,
      reject,
      isLate: false,
      place: null,
    };
    this.#inFlight.add(asked);
    if (this.#turn.length === 0) setImmediate(this.#flush);
    this.#turn.push({ asked, args });
    return promise;
  }

  #commandOf({ asked, args }: Question): Command {
    return new Command(asked.name, [...args], { replyEncoding: 'utf8' }, (error, answer) => {
      this.#inFlight.remove(asked);
      if (!error) return asked.resolve(answer);
      const code = refusalOf(error);
      asked.reject(failureOf(asked.name, withoutCommand(error)));
      if (code !== null) this.#options.listener.onRefused(code, asked.askedAt);
    });
  }

  #write(): void {
    const turn = this.#turn;
    this.#turn = [];
    const { stream, status } = this.redis;
    if (status !== 'ready' || !stream.writable) return this.#refuse(turn);
    const now = performance.now();
    stream.cork();
    try {
      for (const question of turn) {
        question.asked.sentAt = now;
        void this.redis.sendCommand(this.#commandOf(question));
      }
    } finally {
      stream.uncork();
    }
  }

  #refuse(turn: readonly Question[]): void {
    for (const { asked } of turn) {
      this.#inFlight.remove(asked);
      asked.reject(this.#unavailable());
    }
  }

  #retryDelayMs(): number {
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#attempts, LAST_RETRY_MS);
    this.#attempts += 1;
    return Math.ceil(delayMs * (0.5 + Math.random() / 2));
  }

  #destroy(reason?: Error): void {
    // Before the first connection there is no stream, whatever its type says.
    (this.redis.stream as Redis['stream'] | undefined)?.destroy(reason);
  }

  #unavailable(): BrokerUnavailableError {
    const { name } = this.#options;
    const why = this.#lastError ? `: ${this.#lastError.message || this.#lastError.name}` : '';
    return new BrokerUnavailableError(`Redis is not connected (${name})${why}`, {
      cause: this.#lastError ?? undefined,
    });
  }
}

function sizeOf(args: readonly RedisArgument[]): number {
  let bytes = 0;
  for (const arg of args) bytes += typeof arg === 'string' ? Buffer.byteLength(arg) : 8;
  return bytes;
}
