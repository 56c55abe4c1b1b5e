import { DemoProcess, type Ended } from './demo-process.ts';

/** Where a node is reached, and how it is set up. */
export interface DemoNodeOptions {
  readonly name: string;
  readonly port: number;
  readonly monitoringPort: number;
  readonly env: Record<string, string>;
}

/** A node of the demo, which may die and be started again on the same port. */
export class DemoNode {
  readonly name: string;
  readonly port: number;
  readonly #monitoringUrl: string;
  readonly #env: Record<string, string>;
  #process: DemoProcess | null = null;

  constructor({ name, port, monitoringPort, env }: DemoNodeOptions) {
    this.name = name;
    this.port = port;
    this.#monitoringUrl = `http://127.0.0.1:${monitoringPort}`;
    this.#env = { ...env, PORT: String(port), MONITORING_PORT: String(monitoringPort) };
  }

  /** Its process, unless it is down for good. */
  get process(): DemoProcess | null {
    return this.#process?.hasEnded === false ? this.#process : null;
  }

  /** Starts it, the first time or again: `process` is there at once. Resolves when it answers. */
  async start(): Promise<void> {
    this.#process = DemoProcess.spawn(this.#env, { detached: true });
    await this.#process.answering(`http://127.0.0.1:${this.port}`);
  }

  /** Sends a signal that ends it, if it runs; resolves when it has. */
  async end(signal: NodeJS.Signals): Promise<Ended | null> {
    return (await this.#process?.end(signal)) ?? null;
  }

  /** How many clients are connected to it; `null`: it does not answer. */
  async connections(): Promise<number | null> {
    try {
      const metrics = await (await fetch(`${this.#monitoringUrl}/metrics`)).text();
      const [, count] = /^trunkline_connections (\d+)/m.exec(metrics) ?? [];
      return Number(count);
    } catch {
      return null;
    }
  }
}
