/** Rules between the keys of an executor's performers. Pure: any value may be missing. */
import type { Pointer } from './draft.js';
import type { Findings } from './findings.js';
import type { Environment } from './interpolate.js';
import type { Partially } from './resolve.js';
import type { WrittenConfig } from './types.js';

type Executor = Partially<WrittenConfig<'executor'>>;

export function checkPerformers(config: Executor, findings: Findings, env: Environment): void {
  const performers = config.avsPerformers ?? [];
  findings.repeated(
    '/avsPerformers',
    'avsAddress',
    performers.map((performer) => performer?.avsAddress),
  );
  const mode = performers.find((performer) => performer?.deploymentMode !== undefined)?.deploymentMode;
  if (mode === 'process' && config.releases?.require === 'latest') {
    findings.problem(
      '/releases/require',
      'performers are processes, and releases name images: set it to any',
    );
  }
  if (mode === 'kubernetes' && !findings.isWritten('/kubernetes')) {
    findings.problem(
      '/kubernetes',
      'is missing: performers run in Kubernetes; write kubernetes: {} for the cluster that this node runs in',
    );
  }
  performers.forEach((performer, index) => {
    if (!performer) return;
    const at = `/avsPerformers/${index}`;
    if (performer.deploymentMode !== undefined && performer.deploymentMode !== mode) {
      findings.problem(
        `${at}/deploymentMode`,
        `found ${performer.deploymentMode}, but another performer has ${mode}; all performers of one executor use one mode`,
      );
    }
    if (performer.deploymentMode === 'kubernetes') checkCluster(at, performer, findings);
    if (performer.deploymentMode === 'process') checkCommand(at, findings);
    else if (performer.deploymentMode !== undefined) checkImage(at, performer.deploymentMode, findings);
    performer.envs?.forEach((variable, place) => {
      checkVariable(`${at}/envs/${place}`, variable, findings, env);
    });
  });
}

function checkCommand(at: Pointer, findings: Findings): void {
  if (!findings.isWritten(`${at}/command/0`)) {
    findings.problem(
      `${at}/command`,
      'is missing: deploymentMode process needs the program and its arguments',
    );
  }
  if (findings.isWritten(`${at}/image`)) {
    findings.problem(`${at}/image`, 'deploymentMode process runs command; take the image out');
  }
}

function checkImage(at: Pointer, mode: string, findings: Findings): void {
  if (!findings.isWritten(`${at}/image`)) {
    findings.problem(`${at}/image`, `is missing: deploymentMode ${mode} needs repository, and tag or digest`);
  } else if (!findings.isWritten(`${at}/image/tag`) && !findings.isWritten(`${at}/image/digest`)) {
    findings.problem(`${at}/image`, 'a version is missing: give tag or digest');
  }
  if (findings.isWritten(`${at}/command/0`)) {
    findings.problem(
      `${at}/command`,
      'only deploymentMode process runs a command; take it out or change the mode',
    );
  }
}

/** What a Performer object has no field for must not be thought to hold. */
function checkCluster(at: Pointer, { envs }: Performer, findings: Findings): void {
  for (const limit of ['pids', 'readOnlyRootfs', 'user']) {
    if (!findings.isWritten(`${at}/resources/${limit}`)) continue;
    findings.problem(
      `${at}/resources/${limit}`,
      'a performer in Kubernetes cannot be given it; take it out, and use a policy of the namespace',
    );
  }
  const readable = (envs ?? []).filter((each) => each?.kubernetesEnv === undefined);
  const names = readable.flatMap((each) => each?.name ?? []);
  if (names.length === 0) return;
  findings.warning(
    `${at}/envs`,
    `whoever may read Performer objects reads the values of ${names.join(', ')} there; give secrets by kubernetesEnv.valueFrom.secretKeyRef`,
  );
}

type Performer = NonNullable<NonNullable<Executor['avsPerformers']>[number]>;
type PerformerVariable = NonNullable<Performer['envs']>[number];

function checkVariable(at: Pointer, variable: PerformerVariable, findings: Findings, env: Environment): void {
  const sources = ['value', 'valueFromEnv', 'kubernetesEnv'].filter((key) =>
    findings.isWritten(`${at}/${key}`),
  );
  if (variable && sources.length === 0) {
    findings.problem(at, 'a value is missing: give value, valueFromEnv or kubernetesEnv');
  }
  // The Go node writes an empty `value` beside the others.
  const full = sources.filter((key) => key !== 'value' || variable?.value?.reveal() !== '');
  if (full.length > 1) findings.problem(at, `found ${full.join(' and ')}; keep one of them`);
  if (variable?.kubernetesEnv !== undefined) {
    const { secretKeyRef, configMapKeyRef } = variable.kubernetesEnv.valueFrom ?? {};
    if ((secretKeyRef === undefined) === (configMapKeyRef === undefined)) {
      findings.problem(`${at}/kubernetesEnv/valueFrom`, 'give one of secretKeyRef and configMapKeyRef');
    }
  }
  const name = variable?.valueFromEnv;
  if (name !== undefined && env[name] === undefined) {
    findings.warning(
      `${at}/valueFromEnv`,
      `the environment variable ${name} is not set; the performer cannot be deployed without it`,
    );
  }
}
