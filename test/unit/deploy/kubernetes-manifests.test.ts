import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { configOfText, examineText } from '../../support/examine-text.js';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
  readonly spec?: {
    readonly replicas?: number;
    readonly podSelector?: { readonly matchLabels: object };
    readonly template?: {
      readonly spec: { readonly serviceAccountName: string; readonly securityContext: object };
    };
  };
}

const manifests = async (file: string): Promise<Manifest[]> =>
  parseAllDocuments(await readFile(`deploy/kubernetes/${file}`, 'utf8')).map((document) => document.toJS());

async function manifest(file: string, kind: string): Promise<Manifest> {
  const found = (await manifests(file)).find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`${file} has no ${kind}`);
  return found;
}

test('default: an executor may use performers, look at pods, and nothing else', async () => {
  const { rules } = await manifest('rbac.yaml', 'Role');
  expect(rules?.map(({ resources, verbs }) => [resources, verbs])).toEqual([
    [['performers'], ['create', 'delete', 'get', 'list', 'watch']],
    [['pods'], ['list', 'watch']],
    [['pods/log'], ['get']],
  ]);
});

test('default: the example runs once, as whom the binding names, without rights on its machine', async () => {
  const { spec } = await manifest('executor.yaml', 'StatefulSet');
  const { subjects = [] } = await manifest('rbac.yaml', 'RoleBinding');
  expect(spec?.replicas).toBe(1);
  expect(subjects).toEqual([{ kind: 'ServiceAccount', name: spec?.template?.spec.serviceAccountName }]);
  expect(spec?.template?.spec.securityContext).toMatchObject({ runAsNonRoot: true });
  const { spec: policy } = await manifest('executor.yaml', 'NetworkPolicy');
  expect(policy?.podSelector?.matchLabels).toEqual({ app: 'hourglass-performer' });
});

test('default: its configuration is valid, for performers in its own cluster', async () => {
  const text = (await manifest('executor.yaml', 'ConfigMap')).data?.['executor.yaml'] ?? '';
  expect((await examineText('executor', text)).problems).toEqual([]);
  const { kubernetes, avsPerformers } = await configOfText('executor', text);
  expect(kubernetes).toMatchObject({ namespace: 'avs', inCluster: true, connectionTimeout: 30_000 });
  expect(avsPerformers.map(({ deploymentMode }) => deploymentMode)).toEqual(['kubernetes']);
});
