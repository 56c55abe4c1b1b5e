/** How many connections were lost, as clients were told: `cut`, `closed 3012`, `no ping 11`, … */
export function lossesIn(outcomes: Readonly<Record<string, number>>): number {
  const lost = Object.entries(outcomes).filter(([what]) => what === 'cut' || isClose(what));
  return lost.reduce((sum, [, times]) => sum + times, 0);
}

function isClose(what: string): boolean {
  return / \d+$/.test(what) && !/^(error|given up|status|unsubscribed) /.test(what);
}
