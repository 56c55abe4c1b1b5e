import type { MemberList } from '@trunkline/contract';
import type { Broker, ClientInfo } from './broker/broker.ts';
import { membersOf } from './members.ts';

/** What the reading of presence works with. */
export interface AttendanceOptions {
  readonly broker: Pick<Broker, 'presence'>;
  /** Members that a list names at most. */
  readonly maxMembers: number;
}

/** One reading of a channel's presence. */
interface Reading {
  readonly infos: Promise<readonly ClientInfo[]>;
  /** Made when it is first asked for. */
  members: Promise<MemberList> | null;
  readonly until: number;
}

/** So long a reading is good for, where this node hears of no change. */
const FRESH_MS = 250;

/**
 * Who is present where, read once for all who ask at about the same time: each page of a large room asks
 * every half minute. Whatever this node hears of a change makes the next who asks read anew.
 */
export class Attendance {
  readonly #options: AttendanceOptions;
  /** The oldest reading stands first. */
  readonly #readings = new Map<string, Reading>();

  constructor(options: AttendanceOptions) {
    this.#options = options;
  }

  /** The clients in a channel, in the order of their coming. */
  async clients(channel: string): Promise<readonly ClientInfo[]> {
    return await this.#read(channel).infos;
  }

  /** The users in a channel, those who came first at most so many. */
  async members(channel: string): Promise<MemberList> {
    const reading = this.#read(channel);
    reading.members ??= reading.infos.then((infos) => membersOf(infos, this.#options.maxMembers));
    return await reading.members;
  }

  /** Somebody has come or gone. */
  changed(channel: string): void {
    this.#readings.delete(channel);
  }

  #read(channel: string): Reading {
    const now = performance.now();
    this.#forgetOld(now);
    const known = this.#readings.get(channel);
    if (known) return known;
    const infos = this.#options.broker.presence(channel);
    const reading: Reading = { infos, members: null, until: now + FRESH_MS };
    this.#readings.set(channel, reading);
    // What has failed is no reading; whoever waits for it hears of it.
    infos.catch(() => {
      if (this.#readings.get(channel) === reading) this.changed(channel);
    });
    return reading;
  }

  #forgetOld(now: number): void {
    for (const [channel, { until }] of this.#readings) {
      if (until > now) return;
      this.#readings.delete(channel);
    }
  }
}
