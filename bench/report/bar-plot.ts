import type { TopLevelSpec } from 'vega-lite';
import type { Run } from '../rounds.ts';
import type { Measured } from './page.ts';
import { colourBy, config, svgOf } from './plot-style.ts';
import { spreadOf } from './statistics.ts';

interface Bar {
  readonly peer: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly label: string;
}

const panels = [
  ['room-1000', 'room of 1,000, one event at a time'],
  ['turn-4', '… 4 events per turn'],
  ['turn-16', '… 16 events per turn'],
  ['room-9000', 'room of 9,000'],
  ['rooms-1000x10', '1,000 rooms of 10'],
  ['users-9000', '9,000 single users'],
] as const;

/** CPU per delivery, a panel per kind of work. */
export async function barPlot({ runs, peers }: Measured): Promise<string> {
  const order = peers.map(({ name }) => name);
  const charts = panels.map(([scenario, title], index) => {
    const bars = order.flatMap((peer) => barOf(runs, scenario, peer));
    return barChart(title, bars, order, index % 3 === 0);
  });
  return await svgOf({
    title: {
      text: 'Server CPU-seconds per million deliveries',
      subtitle: 'less is better; the line is the range',
      fontSize: 16,
      subtitleColor: '#868e96',
      subtitlePadding: 4,
      offset: 16,
    },
    columns: 3,
    spacing: { row: 28, column: 24 },
    concat: charts,
    config,
  } as TopLevelSpec);
}

function barOf(runs: readonly Run[], scenario: string, peer: string): Bar[] {
  const spread = spreadOf(runs, { scenario, peer, figure: 'cpuPerMillion' });
  if (!spread) return [];
  const { median, min, max } = spread;
  return [{ peer, median, min, max, label: median.toFixed(median >= 1 ? 1 : 2) }];
}

function barChart(title: string, values: Bar[], order: string[], isFirst: boolean): object {
  const y = { field: 'peer', type: 'nominal', sort: order, title: null };
  const labels = isFirst ? {} : { labels: false };
  // Space for the figure behind the longest bar.
  const domain = [0, Math.max(...values.map(({ max }) => max)) * 1.2];
  return {
    title,
    width: 210,
    height: { step: 20 },
    data: { values },
    layer: [
      {
        mark: { type: 'bar', height: 13, cornerRadiusEnd: 2 },
        encoding: {
          y: { ...y, axis: labels },
          x: {
            field: 'median',
            type: 'quantitative',
            title: null,
            scale: { domain },
            axis: { tickCount: 4 },
          },
          color: colourBy('peer', order),
        },
      },
      {
        mark: { type: 'rule', color: '#212529', opacity: 0.45 },
        encoding: { y, x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, fontSize: 11, color: '#495057' },
        encoding: { y, x: { field: 'max', type: 'quantitative' }, text: { field: 'label' } },
      },
    ],
  };
}
