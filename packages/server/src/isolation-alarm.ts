import { type Channel, channelKey, describeRealm, isKeyIn, type Realm } from '@trunkline/contract';
import { IsolationViolationError } from './errors.ts';
import type { Node } from './node.ts';

/** What follows on a violation, beside the alarm: the connection is closed, or the process ends. */
export type OnIsolationViolation = 'close' | 'exit';

/** Whom a channel's content would have gone to; without a user or a connection it is the app itself. */
interface Reader {
  readonly id?: string;
  readonly principal: { readonly realm: Realm; readonly userId?: string };
}

/** Raised when a delivery was about to leave its realm: the last thing that may stay unseen. */
export class IsolationAlarm {
  readonly #node: Node;
  readonly #endsProcess: boolean;

  /** Throws a `TypeError` for an answer to violations that there is not. */
  constructor(node: Node, onViolation: OnIsolationViolation = 'close') {
    if (onViolation !== 'close' && onViolation !== 'exit') {
      const got = JSON.stringify(onViolation);
      throw new TypeError(`onIsolationViolation is 'close' or 'exit', got ${got}`);
    }
    this.#node = node;
    this.#endsProcess = onViolation === 'exit';
  }

  /**
   * The broker's key of a channel, past the wall's second check: nothing is read, followed or published by
   * one that is not of the channel's own realm. For such a one it raises the alarm and throws
   * `IsolationViolationError`. `reader`: the session that asks; absent: the app.
   */
  keyOf(channel: Channel, reader: Reader = { principal: channel }): string {
    const key = channelKey(channel);
    if (isKeyIn(key, channel.realm)) return key;
    this.raise(reader, key);
    throw new IsolationViolationError(`${key} is no key of ${describeRealm(channel.realm)}`);
  }

  raise({ id, principal: { realm, userId } }: Reader, channel: string): void {
    const { counters, log } = this.#node;
    counters.count('isolationViolations');
    log.error('isolation_violation', { client: id, realm: describeRealm(realm), channel });
    this.#node.audit({
      action: 'isolation-violation',
      outcome: 'denied',
      realm,
      ...(userId === undefined ? {} : { userId }),
      ...(id === undefined ? {} : { clientId: id }),
      details: { channel },
    });
    if (this.#endsProcess) fail(`A delivery of ${channel} to ${describeRealm(realm)}`);
  }
}

// Out of reach of whoever might catch it here: it is to end the process.
function fail(what: string): void {
  process.nextTick(() => {
    throw new IsolationViolationError(`${what} was stopped (onIsolationViolation is 'exit')`);
  });
}
