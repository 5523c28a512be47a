/** A runtime that is opened when it is needed: a node without performers needs no engine. */
import type { PerformerRuntime } from './runtime.js';

export function createLazyRuntime(open: () => Promise<PerformerRuntime>): PerformerRuntime {
  let opened: Promise<PerformerRuntime> | undefined;

  async function openClean(): Promise<PerformerRuntime> {
    const runtime = await open();
    await runtime.removeOrphans();
    return runtime;
  }

  function need(): Promise<PerformerRuntime> {
    opened ??= openClean().catch((error: unknown) => {
      opened = undefined; // it is tried again with the next deployment
      throw error;
    });
    return opened;
  }

  return {
    deploy: async (spec, signal, onProgress) => (await need()).deploy(spec, signal, onProgress),
    adopt: async (earlier, spec, signal) => (await need()).adopt(earlier, spec, signal),
    // Done when it is opened.
    removeOrphans: async () => undefined,
    close: async () => (await opened?.catch(() => undefined))?.close(),
  };
}
