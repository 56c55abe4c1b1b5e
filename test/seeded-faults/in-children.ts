// Preloaded (`--import`) by processes that the tests start: the fault is in their source, too.
import { registerHooks } from 'node:module';
import { seedFault } from './faults.ts';

const plugin = seedFault(new URL(import.meta.url).searchParams.get('fault') ?? undefined);

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const { source } = loaded;
    if (!source || !url.startsWith('file:') || !url.endsWith('.ts')) return loaded;
    const code = typeof source === 'string' ? source : new TextDecoder().decode(source);
    return { ...loaded, source: plugin.transform(code, url) ?? code };
  },
});
