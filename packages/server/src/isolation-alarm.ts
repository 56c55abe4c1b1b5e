import { describeRealm } from '@trunkline/contract';
import { IsolationViolationError } from './errors.ts';
import type { Subscriber } from './hub.ts';
import type { Node } from './node.ts';

/** What follows on a violation, beside the alarm: the connection is closed, or the process ends. */
export type OnIsolationViolation = 'close' | 'exit';

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

  raise({ id, principal: { realm, userId } }: Subscriber, channel: string): void {
    const { counters, log } = this.#node;
    counters.count('isolationViolations');
    log.error('isolation_violation', { client: id, realm: describeRealm(realm), channel });
    this.#node.audit({
      action: 'isolation-violation',
      outcome: 'denied',
      realm,
      userId,
      clientId: id,
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
