import type { TopLevelSpec } from 'vega-lite';
import type { Run } from '../rounds.ts';
import type { MeasureName } from '../scenarios/scenario.ts';
import type { Measured } from './page.ts';
import { colourBy, config, svgOf } from './plot-style.ts';
import { spreadOf } from './statistics.ts';

const SIZES = [100, 1_000, 9_000] as const;
const HEIGHT = 280;
const LABEL_HEIGHT = 15;
const TICK = 2;
/** The pale lines' own colours are too pale for text. */
const textColour = { value: '#495057' };

/** What a delivery and a connection cost at three sizes. */
export async function sizePlot({ runs, peers }: Measured): Promise<string> {
  const order = peers.map(({ name }) => name);
  const cpu = sizes(runs, order, (size) => ({ scenario: `room-${size}`, figure: 'cpuPerMillion' }));
  const memory = sizes(runs, order, (size) => ({ scenario: 'memory', figure: `kib${size}` }));
  return await svgOf({
    spacing: 40,
    hconcat: [
      lineChart('CPU-seconds per million deliveries, one room', cpu, order),
      lineChart('KiB per idle connection', memory, order),
    ],
    config,
  } as TopLevelSpec);
}

interface Point {
  readonly peer: string;
  readonly size: number;
  readonly value: number;
}

function sizes(
  runs: readonly Run[],
  order: readonly string[],
  placeOf: (size: (typeof SIZES)[number]) => { scenario: string; figure: MeasureName },
): Point[] {
  return order.flatMap((peer) =>
    SIZES.flatMap((size) => {
      const spread = spreadOf(runs, { peer, ...placeOf(size) });
      return spread ? [{ peer, size, value: spread.median }] : [];
    }),
  );
}

function lineChart(title: string, points: Point[], order: string[]): object {
  const top = Math.ceil(Math.max(...points.map(({ value }) => value)) / TICK) * TICK;
  const x = { field: 'size', type: 'quantitative' };
  const y = { type: 'quantitative', title: null, scale: { domain: [0, top] } };
  const color = colourBy('peer', order);
  return {
    title,
    width: 320,
    height: HEIGHT,
    layer: [
      {
        data: { values: points },
        mark: { type: 'line', point: { size: 45 }, strokeWidth: 2 },
        encoding: {
          x: {
            ...x,
            title: 'connections',
            scale: { type: 'log', domain: [80, 11_000], nice: false },
            axis: { values: SIZES, format: ',d', grid: false },
          },
          y: { ...y, field: 'value' },
          color,
        },
      },
      {
        data: { values: labelsOf(points, top) },
        mark: { type: 'text', align: 'left', dx: 12, fontSize: 12, fontWeight: 500 },
        encoding: { x, y: { ...y, field: 'value' }, text: { field: 'peer' }, color: textColour },
      },
    ],
  };
}

/** Each peer's name behind its last point; names that would lie on each other make way, up and down. */
function labelsOf(points: readonly Point[], top: number): Point[] {
  const gap = (LABEL_HEIGHT / HEIGHT) * top;
  const last = points
    .filter(({ size }) => size === SIZES.at(-1))
    .toSorted((a, b) => a.value - b.value);
  const upwards = spaced(
    last.map(({ value }) => value),
    gap,
  );
  const downwards = spaced(last.map(({ value }) => -value).toReversed(), gap).toReversed();
  return last.map((point, index) => ({
    ...point,
    value: ((upwards[index] ?? 0) - (downwards[index] ?? 0)) / 2,
  }));
}

/** Rising values, each at least so far above the one before. */
function spaced(values: readonly number[], gap: number): number[] {
  let free = Number.NEGATIVE_INFINITY;
  return values.map((value) => {
    const place = Math.max(value, free);
    free = place + gap;
    return place;
  });
}
