/** Reading, deciding and writing as one step, for whatever shares a key; the rest goes on side by side. */

export interface KeyedQueue {
  /** Runs the action once nothing else runs for any of these keys, in order of the calls. */
  run<T>(keys: readonly string[], action: () => Promise<T>): Promise<T>;
}

export function createKeyedQueue(): KeyedQueue {
  const lastByKey = new Map<string, Promise<void>>();
  return {
    async run(keys, action) {
      const before = keys.map((key) => lastByKey.get(key));
      let release = () => {};
      const done = new Promise<void>((resolve) => {
        release = resolve;
      });
      // All keys at once and without waiting in between: two calls never wait for each other.
      for (const key of keys) lastByKey.set(key, done);
      try {
        await Promise.all(before);
        return await action();
      } finally {
        for (const key of keys) {
          if (lastByKey.get(key) === done) lastByKey.delete(key);
        }
        release();
      }
    },
  };
}
