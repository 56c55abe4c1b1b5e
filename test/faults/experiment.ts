import type { Invariant, Violation } from '../../packages/server/test/model/checker.ts';
import type { Verdict } from './verdict.ts';
import { byInvariant } from './verdict.ts';

/** How much of everything. */
export interface Effort {
  /** 1: as the specification says. Below it, less and shorter. */
  readonly scale: number;
  readonly seed: number;
}

/** Something that proves that what was to be broken was broken: more than 0 times. */
interface Proof {
  readonly what: string;
  readonly times: number;
}

/** The same with a protection switched off: the checker must find what it protects from. */
export interface Control {
  /** What was switched off. */
  readonly off: string;
  readonly expected: Invariant;
  readonly violations: readonly Violation[];
}

/** What came of one experiment. */
export interface Story {
  /** One or two sentences: what happened when it was broken. */
  readonly happened: string;
  /** The figures that the specification asks for, by name. */
  readonly figures: Readonly<Record<string, string>>;
  readonly proofs: readonly Proof[];
  readonly verdicts: readonly Verdict[];
  readonly controls: readonly Control[];
  /** What was not as it must be, beside the violations. */
  readonly misses: readonly string[];
  /** What took longer than promised, in words: judged only where nothing else is at work. */
  readonly late?: readonly string[];
}

/** One thing that is broken, and what must hold all the same. */
export interface Experiment {
  /** Its number in the specification: `T24`. */
  readonly name: string;
  readonly title: string;
  /** What is broken, and how. */
  readonly broken: string;
  /** What must hold. */
  readonly holds: string;
  run(effort: Effort): Promise<Story>;
}

/** What is kept of an experiment that was played. */
export interface Result extends Pick<Experiment, 'name' | 'title' | 'broken' | 'holds'> {
  readonly happened: string;
  readonly figures: Readonly<Record<string, string>>;
  readonly controls: readonly string[];
  readonly published: number;
  readonly deliveries: number;
  readonly recovered: number;
  readonly gaps: number;
  readonly violations: Partial<Record<Invariant, number>>;
  /** Empty: all is as it must be. */
  readonly misses: readonly string[];
  readonly effort: Effort;
  /** Seconds. */
  readonly took: number;
  /** As of when, and on what. */
  readonly on: Conditions;
}

/** Under what conditions it was played. */
interface Conditions {
  readonly date: string;
  readonly node: string;
  readonly cores: number;
  /** Of the last minute before it. */
  readonly load: number;
}

const SHOWN = 5;

/** What a story comes to. What did not happen proves nothing: it is a miss, as every violation is. */
export function resultOf(
  { name, title, broken, holds }: Experiment,
  story: Story,
  run: Pick<Result, 'effort' | 'took' | 'on'>,
): Result {
  const { happened, figures, verdicts, controls } = story;
  const violations = verdicts.flatMap((verdict) => verdict.violations);
  const sum = (of: (verdict: Verdict) => number) =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0);
  return {
    ...{ name, title, broken, holds, happened, figures, ...run },
    controls: controls.map(controlText),
    published: sum(({ ledgers }) => ledgers.published.length),
    deliveries: sum(({ clients }) => clients.deliveries),
    recovered: sum(({ clients }) => clients.recovered),
    gaps: sum(({ clients }) => clients.gaps),
    violations: byInvariant(violations),
    misses: missesOf(story),
  };
}

/** What was not as it must be, in words. */
export function missesOf(story: Story): string[] {
  return [...brokenPromises(story), ...(story.late ?? [])];
}

/** What was not as it must be, however busy the machine is. */
export function brokenPromises(story: Story): string[] {
  const violations = story.verdicts.flatMap((verdict) => verdict.violations);
  return [...vacuous(story), ...inWords(violations), ...blind(story.controls), ...story.misses];
}

function vacuous({ proofs, verdicts }: Story): string[] {
  const idle = proofs.filter(({ times }) => times === 0);
  return [
    ...(proofs.length > 0 ? [] : ['It does not say how it knows that anything was broken']),
    ...idle.map(({ what }) => `It did not happen, so nothing is proved: ${what}`),
    ...verdicts
      .filter(({ clients }) => clients.deliveries === 0)
      .map(() => 'Nothing was delivered, so nothing is proved'),
  ];
}

function inWords(violations: readonly Violation[]): string[] {
  const texts = violations.map(({ invariant, message }) => `${invariant}: ${message}`);
  const more = texts.length - SHOWN;
  return [...texts.slice(0, SHOWN), ...(more > 0 ? [`and ${more} violations more`] : [])];
}

/** Controls whose loss nobody has noticed. */
function blind(controls: readonly Control[]): string[] {
  return controls
    .filter(
      ({ expected, violations }) => !violations.some(({ invariant }) => invariant === expected),
    )
    .map(({ off, expected, violations }) => {
      const found = Object.keys(byInvariant(violations)).join(', ') || 'nothing';
      return `With ${off}, ${expected} should have been found: it was ${found}`;
    });
}

function controlText({ off, violations }: Control): string {
  const found = Object.entries(byInvariant(violations)).map(
    ([name, times]) => `${name} × ${times}`,
  );
  return `${off}: ${found.join(', ') || 'nothing found'}`;
}
