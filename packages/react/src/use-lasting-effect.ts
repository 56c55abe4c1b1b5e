import { useEffect, useInsertionEffect, useState } from 'react';
import { useBrowserLayoutEffect } from './use-layout-effect.ts';

/** How to start something, and for whom: the key of an identity, `''` for nobody in particular. */
interface Task {
  readonly key: string;
  readonly start: () => () => void;
}

/** What a component has started, and how to stop it. */
class Lasting {
  #key = '';
  #start: Task['start'] | null = null;
  #stop = () => {};

  /** Starts it, unless it runs already. */
  run({ key, start }: Task): void {
    hidden.delete(this);
    for (const lasting of [...outdated]) lasting.stop();
    for (const lasting of [...hidden]) lasting.#yieldTo(key);
    if (this.#start === start) return;
    this.stop();
    this.#key = key;
    this.#start = start;
    this.#stop = start();
  }

  stop(): void {
    const stop = this.#stop;
    this.#start = null;
    this.#stop = () => {};
    outdated.delete(this);
    hidden.delete(this);
    stop();
  }

  stopOnly(start: Task['start']): void {
    if (this.#start === start) this.stop();
  }

  outdate(start: Task['start']): void {
    if (this.#start === start) outdated.add(this);
  }

  /** Out of sight, and maybe at its end. */
  hide(): void {
    if (outdated.has(this)) this.stop();
    else hidden.add(this);
  }

  #yieldTo(key: string): void {
    if (key !== '' && this.#key !== '' && key !== this.#key) this.stop();
  }
}

/** Must stop before anything else starts. */
const outdated = new Set<Lasting>();
/** React keeps the props of what it hides: after a switch of user, they are the old user's. */
const hidden = new Set<Lasting>();

/**
 * A layout effect that goes on while a Suspense boundary hides its component: there, React cleans
 * up the layout effects, and comes back to them only when it is shown again. Whatever a commit
 * ends, of all components, is stopped before the commit starts anything. `start` is memoised, and
 * another one for another `key`.
 */
export function useLastingEffect(start: Task['start'], key = ''): void {
  const [lasting] = useState(() => new Lasting());
  // cleaned up for a new `start` and for the end only, of all components before any layout effect;
  // but nothing may be rendered anew from here, so that the stopping is left to the others
  useInsertionEffect(() => () => lasting.outdate(start), [lasting, start]);
  useBrowserLayoutEffect(() => {
    lasting.run({ key, start });
    return () => lasting.hide();
  }, [lasting, start, key]);
  useEffect(() => {
    // a component that is hidden has no layout effects
    lasting.run({ key, start });
    return () => lasting.stopOnly(start);
  }, [lasting, start, key]);
}
