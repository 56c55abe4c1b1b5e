import type { PeerEntry } from '../peers.ts';
import type { Run } from '../rounds.ts';
import { type MeasureName, type Scenario, units } from '../scenarios/scenario.ts';
import { type Place, ratioOf, type Spread, spreadOf } from './statistics.ts';

/** A table: the first row is its head. */
export type Rows = readonly (readonly string[])[];

/** What tables are made of. */
export interface Figures {
  readonly peers: readonly PeerEntry[];
  readonly runs: readonly Run[];
  /** Peers that each row is a multiple of. */
  readonly bases: readonly string[];
}

/** What was measured, a row per peer. */
export function rowsOf({ name, figures }: Scenario, { peers, runs, bases: all }: Figures): Rows {
  const [main = 'cpuPerMillion', ...rest] = figures;
  const bases = all.filter((peer) => spreadOf(runs, { scenario: name, peer, figure: main }));
  const head = [
    '',
    units[main],
    ...bases.map((base) => `× ${base}`),
    ...rest.map((figure) => units[figure]),
  ];
  const rows = peers.flatMap((peer) => {
    const place = (figure: MeasureName): Place => ({ scenario: name, peer: peer.name, figure });
    const spread = spreadOf(runs, place(main));
    if (!spread) return [];
    const ratios = bases.map((to) => ratioText(ratioOf(runs, place(main), to)));
    const others = rest.map((figure) => cell(spreadOf(runs, place(figure)), figure));
    return [[peer.name, cell(spread, main), ...ratios, ...others]];
  });
  return [head, ...rows];
}

function cell(spread: Spread | null, figure: MeasureName): string {
  if (!spread) return '';
  const { median, min, max, count, isDisturbed } = spread;
  const mark = isDisturbed ? '*' : '';
  if (count === 1 || figure.endsWith('Cores')) return `${digits(median)}${mark}`;
  return `${digits(median)} [${digits(min)}..${digits(max)}]${mark}`;
}

function ratioText(spread: Spread | null): string {
  return spread ? spread.median.toFixed(2) : '';
}

/** As precise as it is worth. */
export function digits(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** For a terminal. */
export function asText(rows: Rows): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row.map((text, column) =>
      column === 0 ? text.padEnd(widths?.[0] ?? 0) : text.padStart(widths?.[column] ?? 0),
    );
  return rows.map((row) => `  ${line(row).join('  ')}`).join('\n');
}

/** For a page. */
export function asMarkdown([head = [], ...rows]: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}
