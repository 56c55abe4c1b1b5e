// `npm run lab`: attacks a server, and kills one that runs operations; writes what came of it into docs.
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';
import { drain } from './drain.ts';
import { noisy } from './noisy.ts';
import { operationsCrash, operationsFlapping, operationsOutage } from './operations/experiments.ts';
import {
  attackSection,
  type Conditions,
  type LabPage,
  loadNow,
  operationsUnderFailure,
  pageOf,
  type Section,
  sectionText,
  underAttack,
} from './report.ts';
import { revocation } from './revocation.ts';
import { besiege, type Effort, type Outcome } from './siege.ts';
import { slowReaders } from './slow-readers.ts';
import { storm } from './storm.ts';

const QUICK = 0.1;
const results = new URL('../../node_modules/.cache/trunkline-lab/', import.meta.url);
const docs = new URL('../../docs/', import.meta.url);

type Experiment = (effort: Effort) => Promise<Section>;

/** What each table is called, and what is to be known of it. */
const captions: Readonly<Record<string, readonly [title: string, text: string]>> = {
  'frame-fuzz': [
    'Frames (T31)',
    'Bytes that no WebSocket client sends, from connections that were let in before.',
  ],
  'command-fuzz': [
    'Commands (T32)',
    'Well-formed messages that no client sends, from connections that were let in before. Each begins ' +
      'a new one, whose handshake is in the CPU.',
  ],
  door: ['The door (S1–S6, S26, S32)', 'Whatever is refused before anybody is authenticated.'],
  tokens: [
    'Tokens (S7–S13)',
    'Two issuers: `a` signs with HS256 for any tenant, `b` with RS256 for the tenant `globex` alone.',
  ],
  denial: [
    'Denial of service (T36)',
    'Whoever wants to be in the way. Attackers are of another tenant than the healthy, twenty unless ' +
      'the name says otherwise, and come back when they are thrown out. Where it says “addresses”, ' +
      'they come from as many of 127.0.0.0/8.',
  ],
};

const attackExperiments: Readonly<Record<string, Experiment>> = {
  ...Object.fromEntries(
    Object.entries(attacks).map(([name, list]) => [name, experimentOf(name, list)]),
  ),
  'slow-readers': slowReaders,
  drain,
  storm,
  revocation,
  noisy,
};

const operationExperiments: Readonly<Record<string, Experiment>> = {
  'operations-crash': operationsCrash,
  'operations-flapping': operationsFlapping,
  'operations-outage': operationsOutage,
};

const experiments = { ...attackExperiments, ...operationExperiments };

/** What each page is made of; its parts can be called for together, by the word of the key. */
const pages: Readonly<Record<string, readonly [LabPage, Readonly<Record<string, Experiment>>]>> = {
  attacks: [underAttack, attackExperiments],
  operations: [operationsUnderFailure, operationExperiments],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
});
const conditions: Conditions = {
  seed: Number(values.seed),
  isQuick: values.quick,
  loadBefore: loadNow(),
};

await run(positionals.length > 0 ? positionals.flatMap(partsOf) : Object.keys(experiments));

function partsOf(name: string): string[] {
  const parts = Object.hasOwn(pages, name) ? pages[name]?.[1] : undefined;
  return parts ? Object.keys(parts) : [name];
}

async function run(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(experiments, name));
  if (unknown.length > 0) {
    throw new Error(`No experiment ${unknown.join(', ')}: ${Object.keys(experiments).join(', ')}`);
  }
  const sections = new Map<string, Section>();
  for (const name of names) {
    const begin = performance.now();
    const section = await experiments[name]?.({
      scale: values.quick ? QUICK : 1,
      seed: conditions.seed,
    });
    if (!section) continue;
    sections.set(name, section);
    console.log(`\n${sectionText(section)}\n`);
    console.log(`${name}: ${((performance.now() - begin) / 1_000).toFixed(0)} s`);
  }
  await save(sections);
}

/** A page is written when all that it is made of has been played. */
async function save(sections: ReadonlyMap<string, Section>): Promise<void> {
  await mkdir(results, { recursive: true });
  await writeFile(
    new URL('results.json', results),
    JSON.stringify({ conditions, sections: [...sections.values()] }, null, 2),
  );
  for (const [page, parts] of Object.values(pages)) {
    const played = Object.keys(parts).flatMap((name) => sections.get(name) ?? []);
    if (values.quick || played.length < Object.keys(parts).length) continue;
    await writeFile(new URL(page.file, docs), pageOf(page, played, conditions));
    console.log(`docs/${page.file} is new`);
  }
}

function experimentOf(name: string, list: readonly Attack[]): Experiment {
  return async (effort) => {
    const outcomes: Outcome[] = [];
    for (const group of groupsOf(list)) outcomes.push(...(await besiege(group, effort)));
    const [title, text] = captions[name] ?? [name, ''];
    return attackSection(title, text, outcomes);
  };
}

/** Those that may share a server come together, in their order. */
function groupsOf(list: readonly Attack[]): Attack[][] {
  const shared = list.filter(({ isShared }) => isShared);
  const alone = list.filter(({ isShared }) => !isShared).map((attack) => [attack]);
  return shared.length > 0 ? [...alone, shared] : alone;
}
