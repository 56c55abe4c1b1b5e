import { Child, type Core } from '../lab/child.ts';
import type { Cable, ProxyOptions } from './proxy.ts';
import type { CableOrder } from './proxy-child.ts';

/** Proxies in a process of their own. */
export class RemoteProxies {
  readonly #child: Child;

  constructor(core: Core) {
    this.#child = new Child('../faults/proxy-child.ts', core);
  }

  /** Starts one more in it. */
  async start(options: ProxyOptions): Promise<Cable> {
    const port = await this.#child.ask<number>('start', options);
    return this.#cable(port);
  }

  async kill(): Promise<void> {
    await this.#child.kill();
  }

  #cable(port: number): Cable {
    const order =
      (method: CableOrder['method']) =>
      async (...args: readonly unknown[]): Promise<never> =>
        await this.#child.ask<never>('order', { port, method, args } satisfies CableOrder);
    return {
      port,
      pass: order('pass'),
      shape: order('shape'),
      delay: order('delay'),
      throttle: order('throttle'),
      chop: order('chop'),
      blackhole: order('blackhole'),
      rst: order('rst'),
      flap: order('flap'),
      halfClose: order('halfClose'),
      dup: order('dup'),
      flip: order('flip'),
      refuse: order('refuse'),
      aim: order('aim'),
      counts: order('counts'),
      close: order('close'),
    };
  }
}
