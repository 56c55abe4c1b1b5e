import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { RoomRule, RoomRules } from '@trunkline/server';
import { ConfigurationError } from './options.ts';
import { type Provider, providersOf, refuseOthers } from './providers.ts';
import { type CanJoin, type PolicyMark, policyMarkOf } from './room-policy.ts';

/** A policy and the provider that it is. */
interface Policy extends PolicyMark {
  readonly provider: Provider;
}

/** Every policy of rooms in the app. */
@Injectable()
export class RoomPolicies {
  readonly #modules: ModulesContainer;
  readonly #policies: readonly Policy[];

  /** Throws `ConfigurationError` for two policies of the same pattern. */
  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    this.#modules = modules;
    this.#policies = providersOf(modules).flatMap(policyOf).toSorted(byPattern);
    const seen = new Map<string, Policy>();
    for (const policy of this.#policies) {
      const other = seen.get(policy.pattern);
      if (other) throw decidedTwice(policy, other.provider.name);
      seen.set(policy.pattern, policy);
    }
  }

  /**
   * The module's rules with the policies in them: in the rule of the same pattern, else behind all of them.
   * Throws `ConfigurationError` where two say the same thing, or where a policy would never be asked.
   */
  rulesWith(rooms: RoomRules = {}): RoomRules {
    const rules = new Map(Object.entries(rooms));
    for (const policy of this.#policies) {
      const { pattern } = policy;
      const rule = Object.hasOwn(rooms, pattern) ? rooms[pattern] : undefined;
      if (!rule) refuseShadowed(policy, rules.keys());
      rules.set(pattern, ruleOf(policy, rule));
    }
    return Object.fromEntries(rules);
  }

  /** Once all instances are there: can each policy be asked at any time? */
  check(): void {
    const providers = this.#policies.map(({ provider }) => provider);
    const standsIn = (target: object) => policyMarkOf(target) !== undefined;
    refuseOthers(this.#modules, { name: '@RoomPolicy', standsIn }, providers);
    for (const provider of providers) provider.requireSingleton();
  }
}

function policyOf(provider: Provider): Policy[] {
  const mark = policyMarkOf(provider.class);
  return mark ? [{ ...mark, provider }] : [];
}

/** The narrower one first, whichever module was imported first: the first match decides. */
function byPattern({ pattern: one }: Policy, { pattern: other }: Policy): number {
  return literalsOf(other) - literalsOf(one) || (one < other ? -1 : 1);
}

function literalsOf(pattern: string): number {
  return pattern.replaceAll('*', '').length;
}

function ruleOf(policy: Policy, rule: RoomRule | undefined): RoomRule {
  const { options, provider, pattern } = policy;
  if (rule?.authorize) throw decidedTwice(policy, 'its authorize in the option rooms');
  if (rule && options) {
    throw new ConfigurationError(
      `Both ${provider.name} and the option rooms say what holds in rooms '${pattern}': leave the options of @RoomPolicy('${pattern}') out, or the rule`,
    );
  }
  const idOf = idIn(pattern);
  const authorize: RoomRule['authorize'] = async (principal, room, request) =>
    await (provider.instance as CanJoin).canJoin(principal, { ...request, room, id: idOf(room) });
  // The rule may be an instance of the app's: its other members stay where they are.
  return Object.assign(Object.create(rule ?? options ?? {}) as RoomRule, { authorize });
}

/** A `*` in the policy's pattern is covered only by a `*` of the other: nothing else matches it. */
function refuseShadowed({ pattern, provider }: Policy, before: Iterable<string>): void {
  for (const other of before) {
    if (!expressionOf(other).test(pattern)) continue;
    throw new ConfigurationError(
      `${provider.name} would never be asked about rooms '${pattern}': the rule '${other}' of the option rooms takes them all before. Give rooms a rule '${pattern}' before that one, {} is enough`,
    );
  }
}

function idIn(pattern: string): (room: string) => string {
  const expression = expressionOf(pattern);
  return (room) => expression.exec(room)?.[1] ?? '';
}

/** The first `*` is captured, as short as can be where there are several. */
function expressionOf(pattern: string): RegExp {
  const [first = '', ...others] = pattern.split('*').map(escape);
  return new RegExp(`^${first}${others.map((part) => `(.*?)${part}`).join('')}$`);
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`);
}

function decidedTwice({ pattern, provider }: Policy, other: string): ConfigurationError {
  return new ConfigurationError(
    `Who may enter rooms '${pattern}' is decided twice, by ${provider.name} and by ${other}: there is one place for it. A class that several modules provide is there several times: export it from one`,
  );
}
