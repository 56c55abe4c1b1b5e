import type { DynamicModule } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';
import type { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from './options.ts';

/** A module of ours that is there once: the global one behind `forRoot` of another. */
interface Core {
  readonly core: object;
  /** Whose `forRoot` brings it in, e.g. `WebSocketModule`. */
  readonly name: string;
}

/** Throws `ConfigurationError` where `forRoot` was called more than once. */
export function refuseTwice(modules: ModulesContainer, { core, name }: Core): void {
  const all = [...modules.values()];
  const cores = all.filter(({ metatype }) => metatype === core);
  if (cores.length < 2) return;
  const callers = all.filter(({ metatype }) => callsForRoot(metatype, core));
  const where = callers.map((caller) => caller.name).join(' and ');
  throw new ConfigurationError(
    `${name}.forRoot was called ${cores.length} times${where && `, in ${where}`}: call it once, in the app's module`,
  );
}

// Asked of the decorator: a global module stands among the resolved imports of every module.
function callsForRoot(metatype: object, core: object): boolean {
  const imports: unknown = Reflect.getMetadata(MODULE_METADATA.IMPORTS, metatype);
  return Array.isArray(imports) && imports.some((imported) => bringsIn(imported, core));
}

function bringsIn(imported: Partial<DynamicModule> | undefined, core: object): boolean {
  return (
    imported?.imports?.some((inner) => (inner as Partial<DynamicModule>).module === core) ?? false
  );
}
