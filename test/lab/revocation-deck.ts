import type { Outcome, Scene, Way } from './revocation-ways.ts';

/** One card of the deck: the n-th time of a way. */
export interface Card {
  readonly way: Way;
  readonly n: number;
}

/** So many at once in each tenant. */
const AT_ONCE = 3;

/** Every way as often as it is to be played, in random order. */
export function deckOf(ways: readonly Way[], random: () => number, scale: number): Card[] {
  const cards = ways.flatMap((way) =>
    Array.from({ length: Math.ceil(way.times * scale) }, (_, n) => ({ way, n })),
  );
  return cards
    .map((card) => ({ card, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ card }) => card);
}

/** In one tenant: some at a time, of different people; a whole tenant alone. */
export async function playLane(
  scene: Scene,
  { tenant, users }: { tenant: string; users: number },
  hand: readonly Card[],
  outcomes: ReadonlyMap<Way, Outcome[]>,
): Promise<void> {
  const running = new Map<number, Promise<void>>();
  for (const { way, n } of hand) {
    const kind = way.kinds[n % way.kinds.length] ?? 'user';
    if (kind === 'tenant') await Promise.all(running.values());
    while (running.size >= AT_ONCE) await Promise.race(running.values());
    let user = Math.floor(scene.random() * users);
    while (running.has(user)) user = (user + 1) % users;
    const concern = { label: labelOf(way, kind), person: { tenant, user }, kind };
    const playing = (async () => {
      const outcome = await way.run(scene, concern);
      outcomes.get(way)?.push(outcome);
      running.delete(user);
    })();
    running.set(user, playing);
    if (kind === 'tenant') await playing;
  }
  await Promise.all(running.values());
}

export function labelOf({ label }: Way, kind: string): string {
  return `${label} (${kind})`;
}
