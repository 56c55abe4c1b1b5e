import type { Kind, Person } from '../lab/cast.ts';
import { keyOf, takenBy, wiresOf } from '../lab/cast.ts';
import type { Child } from '../lab/child.ts';
import type { Acknowledgement, Revocation } from '../lab/revoker.ts';
import type { Lab } from './lab.ts';
import type { NodeProcess } from './node-process.ts';
import type { Concern, Revoked, StreamOptions, StreamReport } from './t35-revocation-app.ts';

/** Three nodes as the ways of revocation (test/lab) know one: each thing is asked of one of them at random. */
export class RevokingNodes implements Pick<Child, 'ask'> {
  readonly #lab: Lab;
  readonly #random: () => number;
  /** How often a call had to be made again, all in all. */
  retries = 0;

  constructor(lab: Lab, random: () => number) {
    this.#lab = lab;
    this.#random = random;
  }

  /** Fills the rooms and begins to publish. */
  async begin(options: Omit<StreamOptions, 'nodes' | 'index'>): Promise<void> {
    await this.#any().ask('fillTeams', options);
    const { nodes } = this.#lab;
    const each = { ...options, nodes: nodes.length };
    await Promise.all(nodes.map(({ process }, index) => process.ask('begin', { ...each, index })));
  }

  /** A last one to each channel, and how many each has had then. */
  async finish(): Promise<Record<string, number>> {
    return Object.assign({}, ...(await this.#all<Record<string, number>>('finish')));
  }

  async reports(): Promise<StreamReport[]> {
    return await this.#all('report');
  }

  async ask<T>(question: string, options: unknown = {}): Promise<T> {
    if (question === 'revoke') return (await this.#revoke(options as Revocation)) as T;
    if (question === 'give') return (await this.#give(options as Concern)) as T;
    throw new Error(`Three nodes have no answer to ${question}`);
  }

  /** Between two publications of what is taken, as on one node. */
  async #revoke({ person, kind, label }: Revocation): Promise<Acknowledgement> {
    const concern: Concern = { person, kind };
    const keys = keysOf(kind, person);
    await this.#all('publish', { keys: [...new Set([...keys, keyOf(person, '@user')])] });
    await this.#all('forbid', concern);
    const { latencyMs, at, tries } = await this.#any().ask<Revoked>('revoke', concern);
    this.retries += tries - 1;
    await this.#all('acknowledged', { ...concern, label, at });
    await this.#all('publish', { keys });
    const numbers = await this.#all<Record<string, number>>('numbersAt', { at });
    const isTaken = (key: string) =>
      kind === 'tenant' ? key.startsWith(`${person.tenant}/`) : keys.includes(key);
    const counts = numbers.flatMap((each) => Object.entries(each)).filter(([key]) => isTaken(key));
    return { latencyMs, at, marks: Object.fromEntries(counts), behindBytes: 0 };
  }

  async #give(concern: Concern): Promise<void> {
    await this.#all('allow', concern);
    await this.#any().ask('giveBack', concern);
  }

  async #all<T = void>(question: string, options: unknown = {}): Promise<T[]> {
    return await Promise.all(
      this.#lab.nodes.map(({ process }) => process.ask<T>(question, options)),
    );
  }

  #any(): NodeProcess {
    const { nodes } = this.#lab;
    const node = nodes[Math.floor(this.#random() * nodes.length)];
    if (!node) throw new Error('A lab without nodes');
    return node.process;
  }
}

function keysOf(kind: Kind, person: Person): string[] {
  const wire = takenBy(kind, person);
  return (wire === null ? wiresOf(person) : [wire]).map((name) => keyOf(person, name));
}
