/** An executor's runtime inside a container of the performers' network; bundled into an image and run by a test. */
import { parseAddress, parseTaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { createPerformerClient } from '../../src/performer/client.js';
import { openDockerRuntime } from '../../src/performer/docker-runtime.js';

const [operator = '', networkName = '', repository = '', tag = ''] = process.argv.slice(2);
const never = new AbortController().signal;

async function main(): Promise<void> {
  const runtime = await openDockerRuntime({
    operator: parseAddress(operator),
    l1ChainId: 31337,
    networkName,
    processEnv: {},
    clock: systemClock,
    logger: silentLogger,
    engine: { socketPath: '/engine.sock' },
  });
  const spec = {
    avs: parseAddress(`0x${'a5'.repeat(20)}`),
    image: { repository, tag },
    command: [],
    env: new Map([['IN_CONTAINER', new Secret('yes')]]),
    resources: { memoryBytes: 512e6, cpus: 1, pids: 100, readOnlyRootfs: false },
  };
  const { endpoint } = await runtime.deploy(spec, never);
  const client = createPerformerClient({ endpoint, maxOutputBytes: 1_000, clock: systemClock });
  await client.waitUntilServing(20_000, never);
  const output = await client.execute(parseTaskId(`0x${'1f'.repeat(32)}`), Buffer.from('echo hello'), never);
  console.log(`${endpoint} says ${Buffer.from(output).toString('utf8')}`);
  client.close();
  await runtime.close();
}

void main();
