import { guard, type OnError, report } from './log.ts';
import { type Gap, mergeSettings, type Settings } from './settings.ts';

/** One page's word among the settings of a client. */
export interface SettingsShare {
  configure(settings: Settings): void;
  /** Takes the page's word away. */
  leave(): void;
}

/** What the pages of one client say together: the newest page's word, and everybody's listeners. */
export class SharedSettings {
  readonly #pages = new Set<{ settings: Settings }>();
  readonly #defaults: Settings;
  readonly #onChange: () => void;
  /** What held when the last page left: a client that lingers may have to connect again. */
  #last: Settings;

  /** `defaults` hold where no page says anything. */
  constructor(defaults: Settings, onChange: () => void) {
    this.#defaults = defaults;
    this.#last = defaults;
    this.#onChange = onChange;
  }

  get current(): Settings {
    return this.#pages.size === 0 ? this.#last : this.#all().reduce(mergeSettings);
  }

  join(settings: Settings): SettingsShare {
    const page = { settings };
    this.#pages.add(page);
    this.#onChange();
    return {
      configure: (newest) => {
        page.settings = newest;
        this.#onChange();
      },
      leave: () => {
        this.#last = this.current;
        this.#pages.delete(page);
      },
    };
  }

  /** Tells every page's `onError`, each function once. */
  readonly onError: OnError = (error) => {
    const listeners = this.#listeners(({ onError }) => onError);
    if (listeners.length === 0) report(error, undefined);
    for (const listener of listeners) report(error, listener);
  };

  /** Tells every page's `onGap`, each function once. */
  tellGap(gap: Gap): void {
    for (const onGap of this.#listeners((page) => page.onGap)) {
      guard(() => onGap(gap), this.onError);
    }
  }

  #listeners<L>(pick: (settings: Settings) => L | undefined): L[] {
    const listeners = this.#all().map(pick);
    return [...new Set(listeners)].filter((listener) => listener !== undefined);
  }

  #all(): Settings[] {
    return [this.#defaults, ...[...this.#pages].map(({ settings }) => settings)];
  }
}
