import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { PeerEntry } from './peers.ts';
import type { Plan } from './rounds.ts';
import { clusterSuite, type Suite, serverSuite } from './suites.ts';

/** What was asked for. */
export interface Options extends Plan {
  readonly suite: Suite;
  /** All of it, at full length: worth a page. */
  readonly isWhole: boolean;
  /** Only writes the page again, from what the last whole run has measured. */
  readonly isReport: boolean;
}

const MIN_ROUNDS = 3;
const profiling = {
  slices: 1,
  effort: { warmMs: 500, measureMs: 2_500 },
  profiles: fileURLToPath(new URL('results/', import.meta.url)),
};

/** Reads the command line; ends the process for names that are none. */
export function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
    },
  });
  const { only, peers: names, quick, profile, report } = values;
  const suite = suiteOf(positionals);
  const rounds = Number(values.rounds ?? suite.rounds);
  const isWhole = !only && !names && !quick && !profile && rounds >= MIN_ROUNDS;
  return {
    suite,
    scenarios: chosen('scenario', suite.scenarios, only),
    peers: report ? suite.peers : chosen('peer', suite.peers, names).filter(canRun),
    rounds,
    together: suite.together,
    ...(profile ? profiling : quick ? suite.hasty : suite.thorough),
    isWhole,
    isReport: report,
  };
}

function suiteOf([name = '']: readonly string[]): Suite {
  const suite = [serverSuite, clusterSuite].find((each) => each.name === name);
  if (suite) return suite;
  console.error(`No benchmark ${name}: leave the word out, or write ${clusterSuite.name}`);
  process.exit(2);
}

function canRun(peer: PeerEntry): boolean {
  const program = peer.program();
  if ('problem' in program) console.log(`${peer.name} is left out: ${program.problem}.`);
  return !('problem' in program);
}

/** By name, or by what several names begin with: `turn` is `turn-4` and `turn-16`. */
function chosen<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: string | undefined,
): readonly T[] {
  if (names === undefined) return all;
  const wanted = names.split(',');
  const found = all.filter(({ name }) => wanted.some((word) => isMeant(word, name)));
  const unknown = wanted.filter((word) => !all.some(({ name }) => isMeant(word, name)));
  if (unknown.length === 0) return found;
  console.error(`No ${what} ${unknown.join(', ')}: ${all.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

function isMeant(word: string, name: string): boolean {
  return name === word || name.startsWith(`${word}-`);
}
