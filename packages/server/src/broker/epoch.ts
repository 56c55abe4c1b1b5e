import { randomByte } from '../random.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Eight random letters: the name of one life of a stream. */
export function newEpoch(): string {
  let epoch = '';
  for (let n = 0; n < 8; n += 1) epoch += LETTERS[randomByte() % LETTERS.length];
  return epoch;
}
