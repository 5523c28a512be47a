/** A real chain for a test: anvil on a port of the system's choice. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ANVIL = fileURLToPath(
  new URL('../../node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil', import.meta.url),
);

export interface AnvilOptions {
  readonly chainId: number;
  /** Mine at this interval; without it only on request (`evm_mine`). */
  readonly blockTimeSeconds?: number;
  readonly args?: readonly string[];
}

export interface Anvil {
  readonly url: string;
  /** Any JSON-RPC method of anvil; throws with the answer's message on an error. */
  rpc<T = unknown>(method: string, ...params: readonly unknown[]): Promise<T>;
  /** Ends the process and waits until it is gone. */
  close(): Promise<void>;
}

/** Resolves when anvil listens. */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const mining =
    options.blockTimeSeconds === undefined
      ? ['--no-mining']
      : ['--block-time', String(options.blockTimeSeconds)];
  const child = spawn(
    ANVIL,
    ['--port', '0', '--chain-id', String(options.chainId), ...mining, ...(options.args ?? [])],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  let url: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /Listening on (\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    url = `http://${address}`;
    break;
  }
  if (url === undefined) throw new Error('anvil ended before it listened');
  child.stdout.resume();
  const endpoint = url;
  return {
    url: endpoint,
    rpc: async <T>(method: string, ...params: readonly unknown[]): Promise<T> => {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      });
      const answer = (await response.json()) as { result: T; error?: { message: string } };
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
      return answer.result;
    },
    close: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
