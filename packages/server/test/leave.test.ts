import type { Publication, StreamPosition } from '@trunkline/server';
import { expect, onTestFinished, test } from 'vitest';
import { GapRepair } from '../src/gap-repair.ts';

const channel = 't.acme:c:chat:1';
const at = (offset: number): Publication => ({ data: `${offset}`, offset });

/** The repair of one stream, with a leave and a broker that the test has in its hands. */
function following() {
  const delivered: number[] = [];
  const all: Publication[] = [];
  const looks: PromiseWithResolvers<readonly StreamPosition[]>[] = [];
  const leave = { mayDeliver: true, regain: async () => {} };
  const tops = async () => {
    const look = Promise.withResolvers<readonly StreamPosition[]>();
    looks.push(look);
    return await look.promise;
  };
  const top = () => ({ epoch: 'a', offset: all.length });
  const history = async (_channel: string, after: number | null) => ({
    publications: all.filter(({ offset }) => offset > (after ?? Infinity)),
    top: top(),
  });
  const gaps = new GapRepair({
    broker: { isShared: true, tops, history },
    leave,
    checkMs: Infinity,
    onRepaired: () => {},
    onLost: () => {},
    onError: () => {},
  });
  onTestFinished(() => gaps.stop());
  const deliver = ({ offset }: Publication) => void delivered.push(offset);
  gaps.follow(channel, { deliver, lose: () => {} }, { isKept: true });
  const announce = (offset: number) => {
    all.push(at(offset));
    gaps.announced(channel, at(offset), 'a');
  };
  /** Answers the look that is under way, when it has come. */
  const answer = async (number: number) => {
    while (looks.length < number) await turn();
    looks[number - 1]?.resolve([top()]);
  };
  return { gaps, leave, delivered, announce, answer };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what came without leave is delivered when there is leave again, in its order', async () => {
  const { leave, delivered, announce, answer } = following();
  announce(1);
  const regained = Promise.withResolvers<void>();
  leave.mayDeliver = false;
  leave.regain = async () => {
    await regained.promise;
    leave.mayDeliver = true;
  };
  announce(2);
  announce(3);
  await turn();
  expect(delivered).toEqual([1]);
  regained.resolve();
  await answer(1);
  while (delivered.length < 3) await turn();
  expect(delivered).toEqual([1, 2, 3]);
});

test('what came without leave is delivered, too, where somebody else has regained it', async () => {
  const { gaps, leave, delivered, announce, answer } = following();
  announce(1);
  void gaps.check();
  await turn(); // the look is under way
  leave.mayDeliver = false;
  announce(2);
  leave.mayDeliver = true;
  await answer(1);
  await answer(2);
  while (delivered.length < 2) await turn();
  expect(delivered).toEqual([1, 2]);
});
