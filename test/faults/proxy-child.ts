// Proxies in a process of their own, where much goes through them.
import { answer } from '../lab/child.ts';
import { type Cable, type ProxyOptions, startProxy } from './proxy.ts';

/** What a remote proxy is told to do. */
export interface CableOrder {
  readonly port: number;
  readonly method: Exclude<keyof Cable, 'port'>;
  readonly args: readonly unknown[];
}

const cables = new Map<number, Cable>();

answer({
  start: async (options: ProxyOptions) => {
    const cable = await startProxy(options);
    cables.set(cable.port, cable);
    return cable.port;
  },
  order: async ({ port, method, args }: CableOrder) => {
    const cable = cables.get(port);
    if (!cable) throw new Error(`There is no proxy on ${port}`);
    const act = cable[method] as (...given: unknown[]) => Promise<unknown>;
    return await act.apply(cable, [...args]);
  },
});
