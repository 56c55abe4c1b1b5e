// `npm run lab`: attacks a server and writes docs/under-attack.md.
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';
import { drain } from './drain.ts';
import { noisy } from './noisy.ts';
import {
  attackSection,
  type Conditions,
  loadNow,
  pageOf,
  type Section,
  sectionText,
} from './report.ts';
import { revocation } from './revocation.ts';
import { besiege, type Effort, type Outcome } from './siege.ts';
import { slowReaders } from './slow-readers.ts';
import { storm } from './storm.ts';

const QUICK = 0.1;
const results = new URL('../../node_modules/.cache/trunkline-lab/', import.meta.url);
const page = new URL('../../docs/under-attack.md', import.meta.url);

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

const experiments: Readonly<Record<string, Experiment>> = {
  ...Object.fromEntries(
    Object.entries(attacks).map(([name, list]) => [name, experimentOf(name, list)]),
  ),
  'slow-readers': slowReaders,
  drain,
  storm,
  revocation,
  noisy,
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

await run(positionals.length > 0 ? positionals : Object.keys(experiments));

async function run(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(experiments, name));
  if (unknown.length > 0) {
    throw new Error(`No experiment ${unknown.join(', ')}: ${Object.keys(experiments).join(', ')}`);
  }
  const sections: Section[] = [];
  for (const name of names) {
    const begin = performance.now();
    const section = await experiments[name]?.({
      scale: values.quick ? QUICK : 1,
      seed: conditions.seed,
    });
    if (!section) continue;
    sections.push(section);
    console.log(`\n${sectionText(section)}\n`);
    console.log(`${name}: ${((performance.now() - begin) / 1_000).toFixed(0)} s`);
  }
  await save(names, sections);
}

/** Only a whole run is worth a page. */
async function save(names: readonly string[], sections: readonly Section[]): Promise<void> {
  await mkdir(results, { recursive: true });
  await writeFile(
    new URL('results.json', results),
    JSON.stringify({ conditions, sections }, null, 2),
  );
  if (names.length < Object.keys(experiments).length || values.quick) return;
  await writeFile(page, pageOf(sections, conditions));
  console.log('docs/under-attack.md is new');
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
