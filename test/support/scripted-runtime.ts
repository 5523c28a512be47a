/** A performer runtime in the test's own process: real gRPC, and an engine that does what the test says. */
import { createServer, type Server } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { PonosError } from '../../src/base/error.js';
import type {
  EarlierInstance,
  PerformerExit,
  PerformerInstance,
  PerformerRuntime,
  PerformerSpec,
} from '../../src/performer/runtime.js';
import { PerformerServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/performer/performer.js';
import { deferred } from './deferred.js';

export interface ScriptedInstance {
  readonly id: string;
  readonly spec: PerformerSpec;
  /** Payloads that it got. */
  readonly tasks: string[];
  /** Grace times of the stops that were asked for. */
  readonly stops: number[];
  readonly isRunning: boolean;
  setServing(isServing: boolean): void;
  /** It ends by itself. */
  crash(reason?: string): Promise<void>;
}

export interface ScriptedRuntime extends PerformerRuntime {
  /** All there ever were, in the order in which they were started. */
  readonly instances: ScriptedInstance[];
  /** What was asked to be adopted. */
  readonly adoptions: EarlierInstance[];
  state: {
    /** What deployments fail with. */
    failure: PonosError | undefined;
    /** Whether new instances say that they serve. */
    serves: boolean;
    /** What a task comes to. */
    work: (payload: string, instance: string) => Promise<string>;
    orphansRemoved: number;
  };
  /** Nothing can be started or seen until it is back; what runs goes on running. */
  loseEngine(): void;
  restoreEngine(): void;
  newest(): ScriptedInstance;
}

interface Running {
  readonly scripted: ScriptedInstance;
  readonly server: Server;
  readonly endpoint: string;
  exit: ReturnType<typeof deferred<PerformerExit>>;
  isRunning: boolean;
}

const gone = () => new PonosError('DOCKER_UNAVAILABLE', { message: 'the engine is gone' });

export function scriptedRuntime(): ScriptedRuntime {
  const all: Running[] = [];
  const adoptions: EarlierInstance[] = [];
  const state: ScriptedRuntime['state'] = {
    failure: undefined,
    serves: true,
    work: async (payload) => payload,
    orphansRemoved: 0,
  };
  let hasEngine = true;

  async function end(running: Running, reason: string): Promise<void> {
    if (!running.isRunning) return;
    running.isRunning = false;
    running.server.forceShutdown();
    running.exit.resolve({ reason, cause: 'performer', lastLines: [`last words of ${running.scripted.id}`] });
  }

  async function launch(spec: PerformerSpec): Promise<Running> {
    const id = `instance-${all.length + 1}`;
    const health = HealthState();
    if (!state.serves) health.setStatus('unhealthy');
    const tasks: string[] = [];
    const server = createServer();
    server.add(HealthDefinition, HealthServiceImpl(health));
    server.add(PerformerServiceDefinition, {
      startSync: async () => ({}),
      async executeTask({ taskId, payload }) {
        tasks.push(payload.toString());
        return { taskId, result: Buffer.from(await state.work(payload.toString(), id)) };
      },
    });
    const port = await server.listen('127.0.0.1:0');
    const running: Running = {
      server,
      endpoint: `127.0.0.1:${port}`,
      exit: deferred<PerformerExit>(),
      isRunning: true,
      scripted: {
        id,
        spec,
        tasks,
        stops: [],
        get isRunning() {
          return running.isRunning;
        },
        setServing: (isServing) => health.setStatus(isServing ? 'healthy' : 'unhealthy'),
        crash: (reason = 'exited with code 1') => end(running, reason),
      },
    };
    all.push(running);
    return running;
  }

  function handle(running: Running): PerformerInstance {
    const { id, spec, stops } = running.scripted;
    return {
      id,
      container: { id: `container-of-${id}`, imageId: 'sha256:a1' },
      avs: spec.avs,
      endpoint: running.endpoint,
      exited: running.exit.promise,
      isSound: () => running.isRunning,
      lastLines: () => [`last words of ${id}`],
      async stop(graceMs) {
        stops.push(graceMs);
        if (!hasEngine) throw gone();
        await end(running, 'exited with code 0');
      },
    };
  }

  return {
    adoptions,
    state,
    get instances() {
      return all.map(({ scripted }) => scripted);
    },
    newest() {
      const newest = all.at(-1);
      if (newest === undefined) throw new Error('nothing was started');
      return newest.scripted;
    },
    loseEngine() {
      hasEngine = false;
      for (const running of all.filter((each) => each.isRunning)) {
        running.exit.resolve({
          reason: 'lost with the engine',
          cause: 'engine',
          error: gone(),
          lastLines: [],
        });
        running.exit = deferred<PerformerExit>();
      }
    },
    restoreEngine() {
      hasEngine = true;
    },
    async deploy(spec, signal, onProgress) {
      signal.throwIfAborted();
      if (!hasEngine) throw gone();
      if (state.failure !== undefined) throw state.failure;
      onProgress?.({ step: 'start' });
      return handle(await launch(spec));
    },
    async adopt(earlier, spec) {
      adoptions.push(earlier);
      if (!hasEngine) throw gone();
      const found = all.find(({ scripted, isRunning }) => isRunning && scripted.id === earlier.id);
      if (found === undefined) return undefined;
      const { lostEnv, ...known } = spec;
      return {
        instance: handle(found),
        spec: lostEnv === undefined ? spec : { ...known, env: found.scripted.spec.env },
      };
    },
    async removeOrphans() {
      if (!hasEngine) throw gone();
      state.orphansRemoved += 1;
    },
    async close() {
      for (const running of all) await end(running, 'exited with code 0');
    },
  };
}
