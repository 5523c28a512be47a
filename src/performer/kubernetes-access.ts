/** Who this node is to a cluster, and where its API server is. */
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { PonosError } from '../base/error.js';

export interface KubernetesAccessOptions {
  /** A kubeconfig file; wins over `inCluster`. */
  readonly kubeConfigPath?: string;
  /** By the service account of the pod that this node runs in; otherwise by the user's kubeconfig. */
  readonly inCluster: boolean;
  /** This program's own environment. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
}

/** @throws PonosError FILE_UNREADABLE that names the file, CONFIG_INVALID when it says nothing of a cluster */
export function loadKubernetesAccess({
  kubeConfigPath,
  inCluster,
  processEnv,
}: KubernetesAccessOptions): KubeConfig {
  if (kubeConfigPath !== undefined) return fromFiles([kubeConfigPath]);
  return inCluster ? fromPod(processEnv) : fromFiles(usersFiles(processEnv));
}

function fromPod(processEnv: KubernetesAccessOptions['processEnv']): KubeConfig {
  if (!processEnv.KUBERNETES_SERVICE_HOST || !processEnv.KUBERNETES_SERVICE_PORT) {
    throw new PonosError('CONFIG_INVALID', {
      message: 'this node does not run in a Kubernetes cluster, and kubernetes.inCluster says that it does',
      advice: 'Give kubernetes.kubeConfigPath, or set kubernetes.inCluster to false for ~/.kube/config.',
    });
  }
  const access = new KubeConfig();
  access.loadFromCluster();
  return access;
}

/** As kubectl looks for them. */
function usersFiles({ KUBECONFIG, HOME }: KubernetesAccessOptions['processEnv']): readonly string[] {
  const named = (KUBECONFIG ?? '').split(path.delimiter).filter((file) => file !== '');
  return named.length > 0 ? named : [path.join(HOME ?? '/', '.kube', 'config')];
}

function fromFiles(files: readonly string[]): KubeConfig {
  const access = new KubeConfig();
  for (const file of files) {
    try {
      const one = new KubeConfig();
      one.loadFromFile(file);
      access.mergeConfig(one, access.getCurrentContext() !== undefined);
    } catch (error) {
      throw unreadable(file, error);
    }
  }
  if (!access.getCurrentCluster()?.server || access.getCurrentUser() === null) {
    const context = access.getCurrentContext();
    throw new PonosError('CONFIG_INVALID', {
      message: `the kubeconfig file ${files.join(', ')} names no cluster and user in its current context`,
      facts: { context },
      advice: 'Look at it with `kubectl config view`, and choose one with `kubectl config use-context`.',
    });
  }
  return access;
}

function unreadable(file: string, cause: unknown): PonosError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' || code === 'ENOTDIR') {
    return new PonosError('FILE_UNREADABLE', {
      message: `the kubeconfig file ${file} cannot be read`,
      advice: 'Check kubernetes.kubeConfigPath, and the permissions of the file.',
      cause,
    });
  }
  // The parser's own message quotes the text, and the text has credentials in it.
  return new PonosError('CONFIG_INVALID', { message: `the kubeconfig file ${file} is malformed` });
}
