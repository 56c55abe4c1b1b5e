import { Inject, Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import { protocolErrors, type RpcHandler, type RpcHandlers } from '@trunkline/server';
import { isObservable, lastValueFrom } from 'rxjs';
import { Call } from './call.ts';
import { answerFor } from './call-error.ts';
import {
  answeredTwice,
  type CallMethod,
  callMethodsOf,
  checkCallMethods,
  checkMethodName,
  handlerOf,
} from './call-methods.ts';

/** Takes a call through guards, interceptors, pipes and filters, to the method. */
type Run = (call: Call) => Promise<unknown>;

/** Answers calls of clients with the methods of the app's providers. */
@Injectable()
export class Calls {
  readonly #modules: ModulesContainer;
  readonly #contexts: ExternalContextCreator;
  readonly #methods: readonly CallMethod[];
  /** By method; empty until the app's instances are there. */
  readonly #runs = new Map<string, Run>();

  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(ExternalContextCreator) contexts: ExternalContextCreator,
  ) {
    this.#modules = modules;
    this.#contexts = contexts;
    this.#methods = callMethodsOf(modules);
  }

  /**
   * For the node: these and the handlers that the module's options bring along. Throws
   * `ConfigurationError` for a method that both have.
   */
  handlersWith(rpc: RpcHandlers = {}): RpcHandlers {
    for (const method of Object.keys(rpc)) checkMethodName(method, 'the option rpc');
    const handlers = this.#methods.map(({ method, schema, name }): [string, RpcHandler] => {
      if (Object.hasOwn(rpc, method)) throw answeredTwice(method, 'the option rpc', name);
      return [
        method,
        (principal, data, { clientId }) =>
          this.#answer(new Call({ method, clientId, principal, data }, schema)),
      ];
    });
    return Object.fromEntries([...Object.entries(rpc), ...handlers]);
  }

  /** Puts Nest around the methods, once all instances and the global guards, pipes, … are there. */
  open(): void {
    checkCallMethods(this.#modules, this.#methods);
    for (const callMethod of this.#methods) {
      this.#runs.set(callMethod.method, this.#runOf(callMethod));
    }
  }

  async #answer(call: Call): Promise<unknown> {
    const run = this.#runs.get(call.method);
    if (!run) throw protocolErrors.notAvailable;
    try {
      return await settled(run(call));
    } catch (error) {
      throw answerFor(error);
    }
  }

  #runOf({ provider, handler }: CallMethod): Run {
    return this.#contexts.create(
      provider.instance,
      handlerOf(provider.instance, handler),
      handler,
      ROUTE_ARGS_METADATA,
      { exchangeKeyForValue: (_type, property, [call]: [Call]) => valueOf(call, property) },
      undefined,
      undefined,
      { guards: true, interceptors: true, filters: true },
      'rpc',
    );
  }
}

/** The call's data for a parameter: all of it, or one property. */
async function valueOf(call: Call, property: unknown): Promise<unknown> {
  const data = await call.checked();
  if (typeof property !== 'string') return data;
  return (data as Record<string, unknown> | null | undefined)?.[property];
}

/** What a filter returns may still be an Observable, as it is where Nest runs microservices. */
async function settled(running: Promise<unknown>): Promise<unknown> {
  const answer = await running;
  return isObservable(answer) ? await lastValueFrom(answer, { defaultValue: undefined }) : answer;
}
