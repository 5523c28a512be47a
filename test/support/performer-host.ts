/** A program that deploys a performer and waits to be killed; bundled and run by a test. */
import { parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { createProcessRuntime } from '../../src/performer/process-runtime.js';

const runtime = createProcessRuntime({ logger: silentLogger, clock: systemClock, processEnv: process.env });
void runtime
  .deploy(
    {
      avs: parseAddress(`0x${'a5'.repeat(20)}`),
      command: process.argv.slice(2),
      env: new Map(),
      resources: { memoryBytes: 1e9, cpus: 1, pids: 100, readOnlyRootfs: false },
    },
    new AbortController().signal,
  )
  .then((instance) => console.log(instance.id));
