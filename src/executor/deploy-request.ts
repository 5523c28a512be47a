/** What a caller wants deployed, parsed. Pure. */
import { PonosError } from '../base/error.js';
import { Secret } from '../base/secret.js';
import type { PerformerEnvEntry } from '../performer/env.js';
import type { PerformerImage } from '../performer/runtime.js';
import type { PerformerChanges } from '../performer/spec-from-config.js';
import type {
  DeployArtifactRequest,
  KubernetesEnv,
  PerformerEnv,
} from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { requestedAddress } from '../rpc/request-fields.js';

/** @throws PonosError REQUEST_INVALID that names the field */
export function parseDeployRequest(request: DeployArtifactRequest): PerformerChanges {
  const avs = requestedAddress('avs_address', request.avsAddress);
  const image = parseImage(request.registryUrl, request.digest);
  const envs = request.env.map(parseEnv);
  const twice = envs.find(({ name }, index) => envs.findIndex((each) => each.name === name) !== index);
  if (twice !== undefined) throw invalid(`env: ${twice.name} is given twice`);
  const account = request.kubernetes?.serviceAccountName ?? '';
  if (account !== '' && !/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(account)) {
    throw invalid('kubernetes: service_account_name must be a name as Kubernetes has them');
  }
  return {
    avs,
    envs,
    ...(image && { image }),
    ...(account !== '' && { serviceAccountName: account }),
  };
}

/** Neither registry nor digest: the image as configured. A tag may stand in the registry's place, `repository:tag`. */
function parseImage(registryUrl: string, digest: string): PerformerImage | undefined {
  if (registryUrl === '' && digest === '') return undefined;
  if (registryUrl === '') throw invalid('registry_url is empty, and digest is not');
  if (digest !== '' && !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw invalid('digest: must be sha256: and 64 hex digits');
  }
  const found = /^([a-z0-9][a-z0-9._-]*(?::\d+)?(?:\/[a-z0-9._-]+)*)(?::([\w][\w.-]{0,127}))?$/i.exec(
    registryUrl,
  );
  const [, repository, tag] = found ?? [];
  if (repository === undefined)
    throw invalid('registry_url: must be a registry and a name, without a scheme');
  // `name:8` alone is a tag, as docker reads it: only what is followed by a path can be a port.
  const [name, portOrTag] = repository.includes('/') ? [repository] : repository.split(':');
  const given = tag ?? portOrTag;
  if (digest === '' && given === undefined) {
    throw invalid('digest is empty, and registry_url has no tag');
  }
  return {
    repository: name ?? repository,
    ...(given !== undefined && { tag: given }),
    ...(digest !== '' && { digest }),
  };
}

function parseEnv({ name, value, valueFromEnv, kubernetesEnv }: PerformerEnv): PerformerEnvEntry {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
    throw invalid('env: a variable must have a name of letters, digits and _.-');
  }
  const sources = [value !== '', valueFromEnv !== '', kubernetesEnv !== undefined];
  if (sources.filter(Boolean).length > 1) {
    throw invalid(`env: ${name} must have one of value, value_from_env and kubernetes_env`);
  }
  if (kubernetesEnv !== undefined) return { name, kubernetesEnv: parseKubernetesEnv(name, kubernetesEnv) };
  if (valueFromEnv !== '') return { name, valueFromEnv };
  // Proto3 does not tell an empty value from none: it is the empty value.
  return { name, value: new Secret(value) };
}

/** As it stands in a configuration. */
function parseKubernetesEnv(name: string, { valueFrom }: KubernetesEnv): PerformerEnvEntry['kubernetesEnv'] {
  const { secretKeyRef, configMapKeyRef } = valueFrom ?? {};
  const given = secretKeyRef ?? configMapKeyRef;
  const isBoth = secretKeyRef !== undefined && configMapKeyRef !== undefined;
  if (given === undefined || isBoth || given.name === '' || given.key === '') {
    throw invalid(
      `env: ${name} must have one of secret_key_ref and config_map_key_ref, each with a name and a key`,
    );
  }
  const reference = { name: given.name, key: given.key };
  return { valueFrom: secretKeyRef ? { secretKeyRef: reference } : { configMapKeyRef: reference } };
}

function invalid(message: string): PonosError {
  return new PonosError('REQUEST_INVALID', { message });
}
