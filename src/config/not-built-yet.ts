/** What a valid file can ask for and this version cannot do. */
import type { Role } from './role.js';
import type { ConfigOf, ExecutorConfig } from './types.js';

/** One sentence that names the key, for the first such request; undefined when there is none. */
export function notBuiltYet<R extends Role>(_role: R, config: ConfigOf<R>): string | undefined {
  const request = requests(config).find(({ asked }) => asked);
  return request && `${request.key} is not built yet in this version: ${request.instead}`;
}

interface Request {
  readonly key: string;
  readonly asked: boolean;
  readonly instead: string;
}

function requests(config: ConfigOf<Role>): Request[] {
  return 'l1ChainId' in config ? [] : performerRequests(config);
}

function performerRequests(config: ExecutorConfig): Request[] {
  return [
    {
      key: 'avsPerformers[].deploymentMode: kubernetes',
      asked: config.avsPerformers.some((performer) => performer.deploymentMode === 'kubernetes'),
      instead: 'use docker or process',
    },
  ];
}
