import { cpus, loadavg } from 'node:os';
import type { Tally } from './attack.ts';
import { isPinned } from './child.ts';
import { isFelt, type Outcome } from './siege.ts';

/** One table of the page. */
export interface Section {
  readonly title: string;
  readonly text: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What was not as it should be. */
  readonly misses: readonly string[];
}

/** Under what conditions it was measured. */
export interface Conditions {
  readonly seed: number;
  readonly isQuick: boolean;
  readonly loadBefore: number;
}

const NEWCOMER_MS = 2_000;
const FRAME_MS = 5;

/** What attacks came to, as a table. */
export function attackSection(title: string, text: string, outcomes: readonly Outcome[]): Section {
  return {
    title,
    text,
    head: [
      'attack',
      'limits',
      'what the attacker got',
      'CPU per hostile frame; worst frame; worst stall',
      'memory',
      'what the others felt: p99',
      'newcomer',
    ],
    rows: outcomes.map(rowOf),
    misses: outcomes.flatMap(missesOf),
  };
}

function rowOf(outcome: Outcome): string[] {
  const { p99BeforeMs, p99DuringMs, lost, repeated, disconnects } = outcome;
  const factor = p99DuringMs / Math.max(p99BeforeMs, 0.01);
  const harm =
    lost + repeated + disconnects === 0
      ? ''
      : `; ${lost} lost, ${repeated} repeated, ${disconnects} disconnects`;
  return [
    outcome.name,
    outcome.setup,
    `${count(outcome.spent)} sent: ${tally(outcome.got)}`,
    `${outcome.cpuMsPerFrame.toFixed(2)}; ${ms(outcome.worstFrameMs)}; ${ms(outcome.stallMs)} (calm ${ms(outcome.calmStallMs)})`,
    mib(outcome.rssGrowthBytes),
    `${ms(p99BeforeMs)} → ${ms(p99DuringMs)} (× ${factor.toFixed(1)})${harm}`,
    `${ms(outcome.newcomerMs)}${refusals(outcome.refusals)}`,
  ];
}

function missesOf(outcome: Outcome): string[] {
  const { name, p99BeforeMs, p99DuringMs } = outcome;
  const isSlow = isFelt(p99BeforeMs, p99DuringMs);
  const isHarmed = outcome.lost + outcome.repeated + outcome.disconnects > 0;
  return [
    ...(isSlow ? [`${name}: p99 ${ms(p99BeforeMs)} → ${ms(p99DuringMs)}`] : []),
    ...(isHarmed ? [`${name}: healthy clients lost something or were disconnected`] : []),
    ...(outcome.newcomerMs > NEWCOMER_MS
      ? [`${name}: a newcomer needed ${ms(outcome.newcomerMs)}`]
      : []),
    ...(outcome.worstFrameMs > FRAME_MS ? [`${name}: a frame of ${ms(outcome.worstFrameMs)}`] : []),
    ...(outcome.uncaught > 0 ? [`${name}: ${outcome.uncaught} uncaught exceptions`] : []),
    ...(outcome.isClean ? [] : [`${name}: connections were left behind`]),
    ...outcome.unexpected.map((answer) => `${name}: it got ${answer}`),
  ];
}

/** A page of the docs that the lab writes. */
export interface LabPage {
  /** Below docs. */
  readonly file: string;
  readonly title: string;
  readonly introduction: readonly string[];
  /** Behind the conditions under which it was measured. */
  readonly addition: string;
}

/** The whole page. */
export function pageOf(
  { title, introduction, addition }: LabPage,
  sections: readonly Section[],
  conditions: Conditions,
): string {
  const parts = [
    `# ${title}`,
    '<!-- Written by `npm run lab`: changes by hand are lost. -->',
    introduction.join('\n'),
    conditionsText(conditions) + addition,
    ...sections.map(sectionText),
  ];
  return `${parts.join('\n\n')}\n`;
}

function conditionsText({ seed, isQuick, loadBefore }: Conditions): string {
  return (
    `Measured on ${new Date().toISOString().slice(0, 10)} with Node.js ${process.version}, ` +
    `${cpus().length} cores${isPinned ? ' (one for the server, one for all others)' : ''}, ` +
    `load ${loadBefore.toFixed(1)} before the run, seed ${seed}${isQuick ? ', small sizes' : ''}.`
  );
}

/** What attackers get. */
export const underAttack: LabPage = {
  file: 'under-attack.md',
  title: 'Under attack',
  introduction: [
    'What somebody gets who attacks a Trunkline server, what it costs the server, and what the others',
    'feel meanwhile. `npm run lab` runs it all and writes this page, `npm run lab -- denial storm` some',
    'of it, `--quick` at small sizes, `--seed N` with other random numbers. Everything is on 127.0.0.1:',
    'a server process, fifty healthy clients in a process of their own who hear 100 publications a',
    'second and measure how late each comes (from the moment it was due: a stall of the server counts),',
    'a newcomer each 400 ms, and the attacker in a third process. *p99* is the median over the rounds',
    'of an attack, before it → during it; more than twice as much is a miss, from 10 ms on. CPU is the',
    'server’s, above what it needs anyway, handshakes and replies included. All limits are the defaults',
    'unless the table says otherwise.',
  ],
  addition:
    ' The HTTP server: `headersTimeout` 5 s, `requestTimeout` 10 s, `connectionsCheckingInterval` ' +
    '1 s, `maxHeaderSize` 8 KiB.',
};

/** What becomes of operations when something dies. */
export const operationsUnderFailure: LabPage = {
  file: 'operations-lab.md',
  title: 'Operations under failure',
  introduction: [
    'What becomes of operations when their server dies, when everybody’s connection breaks again and',
    'again, and when the broker or the database is away. `npm run lab -- operations` runs it all and writes',
    'this page, `npm run lab -- operations-crash` a part of it, `--quick` at small sizes, `--seed N` with',
    'other random numbers; `npm test` plays all of it at the smallest size. Everything is on 127.0.0.1: a',
    'server process (HTTP and WebSocket) with a database of its own, and pages in processes of their own,',
    'each a whole `@trunkline/client` with a recorder in the place of its toasts. All limits are the',
    'defaults unless the table says otherwise.',
  ],
  addition: '',
};

/** One section as Markdown. */
export function sectionText({ title, text, head, rows, misses }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escape).join(' | ')} |`;
  const table = [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
  const missed = misses.map((miss) => `- ${miss}`).join('\n');
  return [
    `## ${title}`,
    text,
    table,
    misses.length > 0 ? `**Misses**\n\n${missed}` : 'No misses.',
  ].join('\n\n');
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

/** The load of the last minute. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

/** Counts of outcomes, the most frequent first. */
export function tally(counts: Tally): string {
  const entries = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  return entries.map(([what, times]) => `${what} × ${count(times)}`).join(', ') || 'nothing';
}

function refusals(counts: Tally): string {
  return Object.keys(counts).length > 0 ? ` (refused: ${tally(counts)})` : '';
}

/** With thousands separated. */
export function count(number: number): string {
  return Math.round(number).toLocaleString('en');
}

/** Milliseconds, as precise as they are worth. */
export function ms(number: number): string {
  if (number >= 1_000) return `${(number / 1_000).toFixed(1)} s`;
  return `${number.toFixed(number < 10 ? 1 : 0)} ms`;
}

/** Mebibytes. */
export function mib(bytes: number): string {
  return `${(bytes / 1_024 / 1_024).toFixed(0)} MiB`;
}
