import { Patience } from '../patience.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { NotDurableError } from './broker.ts';
import type { RedisSettings } from './redis-options.ts';
import { RedisReplicaLane } from './redis-replica-lane.ts';
import type { RedisScript } from './redis-scripts.ts';

/** What asking the replicas works with. */
export interface RedisReplicasOptions {
  readonly settings: RedisSettings;
  readonly key: string;
  /** Writes the key, and returns which history of data this Redis has. */
  readonly mark: RedisScript;
}

/** Connections that wait for replicas: whoever asks for more of them than that shares the last one. */
const MAX_LANES = 8;

/**
 * Asks whether replicas have what was published: something is written after it, and what has that has
 * all that went before. One lane for each number of replicas, so that nobody waits for more of them than
 * he has asked for.
 */
export class RedisReplicas {
  readonly #options: RedisReplicasOptions;
  readonly #patience: Patience;
  readonly #timeoutMs: number;
  readonly #lanes = new Map<number, RedisReplicaLane>();
  #isStopped = false;

  constructor(options: RedisReplicasOptions) {
    this.#options = options;
    // So that whoever publishes, and waits no longer than for a command, is told what is the matter.
    const timeoutMs = Math.ceil(options.settings.commandTimeoutMs / 2);
    this.#timeoutMs = timeoutMs;
    this.#patience = new Patience({
      wheel: new TimerWheel(),
      timeoutMs,
      onLate: () =>
        new NotDurableError(`Published, but replicas did not confirm it in ${timeoutMs} ms`),
    });
  }

  /** Resolves when so many replicas have what was published under this history of data. */
  async confirm(replid: string, replicas: number): Promise<void> {
    if (this.#isStopped) throw new NotDurableError('Published, but the broker is stopped');
    await this.#patience.wait(this.#laneOf(replicas).confirm(replid, replicas));
  }

  /** Another Redis has become the primary. */
  cut(): void {
    for (const lane of this.#lanes.values()) lane.cut();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }

  #laneOf(replicas: number): RedisReplicaLane {
    const number = Math.min(replicas, MAX_LANES);
    const known = this.#lanes.get(number);
    if (known) return known;
    const lane = new RedisReplicaLane({ ...this.#options, timeoutMs: this.#timeoutMs });
    this.#lanes.set(number, lane);
    return lane;
  }
}
