import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { defaultLimits, type Limits } from '@trunkline/server';
import { isPinned } from '../../test/lab/child.ts';
import { findRedis } from '../../test/services/redis.ts';
import { doorLimits, raisedLimits } from '../servers/trunkline-limits.ts';

/** Under what conditions it was measured. */
export interface Conditions {
  readonly date: string;
  readonly command: string;
  readonly node: string;
  readonly machine: string;
  readonly isPinned: boolean;
  /** Of what takes part, by package. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What can be said before anything is measured; `parts`: the packages and programs that take part. */
export function conditionsNow(options: readonly string[], parts: readonly string[]): Conditions {
  const { length: cores, 0: first } = cpus();
  const gib = Math.round(totalmem() / 1_024 ** 3);
  return {
    date: new Date().toISOString().slice(0, 10),
    command: ['npm run bench', ...(options.length > 0 ? ['--', ...options] : [])].join(' '),
    node: process.version,
    machine: `${cores} cores (${first?.model.trim() ?? 'unknown'}), ${gib} GiB, ${process.platform}`,
    isPinned,
    versions: versionsOf(parts),
  };
}

function versionsOf(parts: readonly string[]): Record<string, string> {
  const own = dependenciesIn('../package.json');
  const bun = dependenciesIn('../bun/package.json');
  const all: Record<string, string> = {
    ...own,
    ...bun,
    ...(parts.includes(REDIS) ? { [REDIS]: redisVersion() } : {}),
  };
  return Object.fromEntries(parts.map((name) => [name, all[name] ?? '']));
}

/** A program of the machine. */
const REDIS = 'Redis';

function redisVersion(): string {
  const program = findRedis();
  if (typeof program !== 'string') return '';
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /v=([\d.]+)/.exec(stdout)?.[1] ?? '';
}

function dependenciesIn(file: string): Record<string, string> {
  const json = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return json.dependencies;
}

/** The limits that were raised, with what they are by default. */
export function limitsText(): string {
  const line = (limits: Partial<Limits>) =>
    Object.entries(limits)
      .map(([name, value]) => {
        const before = defaultLimits[name as keyof Limits];
        return `${name} ${Number(value).toLocaleString('en')} (${Number(before).toLocaleString('en')})`;
      })
      .join(', ');
  return (
    `Limits of Trunkline that were raised by option, the defaults in brackets: ${line(raisedLimits)}. ` +
    `Where one tenant floods another: only ${line(doorLimits)}.`
  );
}
