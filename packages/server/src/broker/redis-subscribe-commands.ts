import { chunks, push } from './redis-batches.ts';
import type { RedisCall } from './redis-link.ts';
import { slotOf } from './redis-slot.ts';

/** Something that has a name of pub/sub. */
export interface Named {
  readonly name: string;
}

/** Channels in one command. */
const MAX_CHANNELS = 1_000;
/** Commands that one connection is asked at a time: where there are slots, each has one of its own. */
const MAX_COMMANDS = 16;

/** Subscribes to many channels with few commands, and to as many as you like without flooding Redis. */
export class SubscribeCommands {
  readonly #isSharded: boolean;

  constructor(isSharded: boolean) {
    this.#isSharded = isSharded;
  }

  /** Says of the entries of each command what has become of it; `null`: all is well. */
  async send<T extends Named>(
    verb: 'subscribe' | 'unsubscribe',
    entries: readonly T[],
    call: RedisCall,
    onDone: (batch: readonly T[], error: unknown) => void,
  ): Promise<void> {
    const name = this.#isSharded ? `s${verb}` : verb;
    await fewAtATime(this.#batches(entries), async (batch) => {
      const error = await failureOf(call(name, batch.map(nameOf)));
      onDone(batch, error);
    });
  }

  // Sharded channels of one command must share a slot.
  #batches<T extends Named>(entries: readonly T[]): T[][] {
    const groups = new Map<number, T[]>();
    for (const entry of entries) push(groups, this.#isSharded ? slotOf(entry.name) : 0, entry);
    return [...groups.values()].flatMap((group) => chunks(group, MAX_CHANNELS));
  }
}

async function fewAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const oneAfterTheOther = async () => {
    // oxlint-disable-next-line no-await-in-loop -- no more at once than was said
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: MAX_COMMANDS }, oneAfterTheOther));
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return null;
  } catch (error) {
    return error;
  }
}

function nameOf({ name }: Named): string {
  return name;
}
