import { createMemoryStore } from '../../../src/store/memory-store.js';
import { describeKeyValueStore } from '../../support/store-contract.js';

describeKeyValueStore('memory', async () => ({
  store: createMemoryStore(),
  dispose: async () => undefined,
}));
