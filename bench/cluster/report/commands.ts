import type { Measured } from '../../report/page.ts';
import { digits, type Rows } from '../../report/table.ts';
import { ClusterFigures } from './figures.ts';

/** Fewer are what happens to fall into the time: a heartbeat, a look for gaps. */
const NEGLIGIBLE = 0.05;

/** Which commands Redis has carried out, a row per peer. */
export function commandRows(measured: Measured, scenario: string, each: string): Rows {
  const figures = new ClusterFigures(measured);
  const rows = measured.peers.flatMap(({ name }) => {
    const commands = [...figures.commands(scenario, name)];
    if (commands.length === 0) return [];
    const shown = commands
      .filter(([, count]) => count >= NEGLIGIBLE)
      .toSorted(([a, many], [b, more]) => more - many || a.localeCompare(b))
      .map(([command, count]) => `${command} ${rounded(count)}`);
    return [[name, shown.join(', ')]];
  });
  return [['', `commands ${each}`], ...rows];
}

function rounded(count: number): string {
  return digits(count).replace(/\.?0+$/, '');
}
