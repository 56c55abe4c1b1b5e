import type { Attack } from './attack.ts';
import { commandFuzz } from './command-fuzz.ts';
import { denial } from './denial.ts';
import { door } from './door.ts';
import { frameFuzz } from './frame-fuzz.ts';
import { tokens } from './tokens.ts';

/** Every attack, by experiment. */
export const attacks: Readonly<Record<string, readonly Attack[]>> = {
  'frame-fuzz': frameFuzz,
  'command-fuzz': commandFuzz,
  door,
  tokens,
  denial,
};
