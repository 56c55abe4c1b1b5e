import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { CEILING, RIVAL } from '../peers.ts';

/** Ours stand out, what they are measured against is darker than the rest. */
const colours: Readonly<Record<string, string>> = {
  trunkline: '#0b7285',
  'nestjs-trunkline': '#22b8cf',
  [CEILING]: '#868e96',
  [RIVAL]: '#e8590c',
  'socket.io': '#fd9a57',
};
const OTHERS = '#c3cad1';

/** What all plots look like. */
export const config = {
  font: 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
  background: 'white',
  padding: 16,
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    gridColor: '#eef0f2',
    labelColor: '#495057',
    labelFontSize: 12,
    titleColor: '#495057',
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelPadding: 6,
  },
  title: { anchor: 'start', fontSize: 13, color: '#212529', offset: 8 },
} as const;

/** A colour per peer, the same in all plots. */
export function colourBy(field: string, order: readonly string[]): object {
  const range = order.map((peer) => colours[peer] ?? OTHERS);
  return { field, type: 'nominal', legend: null, scale: { domain: order, range } };
}

/** Draws a plot. */
export async function svgOf(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}
