import { BrokerUnavailableError, MemoryBroker, type PublishOptions } from '@trunkline/server';

/** How a broker is: well, refusing every publication, or silent to each. */
export type BrokerHealth = 'fine' | 'rejects' | 'hangs';

/** A memory broker that fails on demand. */
export class BreakableBroker extends MemoryBroker {
  health: BrokerHealth = 'fine';
  /** How many publications did not get through. */
  failed = 0;

  override async publish(channel: string, data: string, options: PublishOptions) {
    if (this.health === 'fine') return await super.publish(channel, data, options);
    this.failed += 1;
    if (this.health === 'hangs') await new Promise<never>(() => {});
    throw new BrokerUnavailableError('The broker is down');
  }
}
