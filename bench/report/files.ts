import { readFile, writeFile } from 'node:fs/promises';
import { barPlot } from './bar-plot.ts';
import { type Measured, pageOf, summaryOf } from './page.ts';
import { sizePlot } from './size-plot.ts';

const docs = new URL('../../docs/', import.meta.url);
const readme = new URL('../../README.md', import.meta.url);
const marked = /(<!-- bench:begin -->\n)[\s\S]*?(<!-- bench:end -->)/;

/** Writes the page, the plots, and the README's table where its markers stand. */
export async function writeReport(measured: Measured, cluster: Measured | null): Promise<void> {
  await writeFile(new URL('benchmarks.md', docs), pageOf(measured, cluster));
  await writeFile(new URL('bench.svg', docs), await barPlot(measured));
  await writeFile(new URL('bench-size.svg', docs), await sizePlot(measured));
  const text = await readFile(readme, 'utf8');
  const summary = `${summaryOf(measured)}\n`;
  const renewed = text.replace(marked, (_all, begin: string, end: string) => begin + summary + end);
  if (renewed !== text) await writeFile(readme, renewed);
}
