/** Rules between keys. Pure: each looks at resolved values of which any may be missing. */
import { checkPerformers } from './check-performers.js';
import type { Draft, Pointer } from './draft.js';
import { Findings } from './findings.js';
import type { Environment } from './interpolate.js';
import {
  CONTRACT_NAMES,
  type ContractConfig,
  type ContractName,
  contractNamed,
  missingContracts,
} from './known-chains.js';
import { nearest } from './nearest.js';
import type { Partially } from './resolve.js';
import type { WrittenConfig } from './types.js';

type Aggregator = Partially<WrittenConfig<'aggregator'>>;
type Executor = Partially<WrittenConfig<'executor'>>;
type Common = Aggregator | Executor;
type Chain = NonNullable<NonNullable<Common['chains']>[number]>;

export function checkAggregator(config: Aggregator, draft: Draft): void {
  const findings = new Findings(draft);
  const chains = config.chains ?? [];
  checkCommon(config, findings);
  checkPayingKey(config, findings);
  const ids = chains.map((chain) => chain?.chainId);
  const known = (id: number) => ids.includes(id as (typeof ids)[number]) || ids.includes(undefined);
  const l1 = config.l1ChainId;
  if (l1 !== undefined && ids.length > 0 && !known(l1)) {
    findings.problem('/l1ChainId', `chain ${l1} is not among chains`);
  }
  findings.repeated(
    '/avss',
    'address',
    config.avss?.map((avs) => avs?.address),
  );
  config.avss?.forEach((avs, index) => {
    avs?.chainIds?.forEach((id, place) => {
      if (id !== undefined && ids.length > 0 && !known(id)) {
        findings.problem(`/avss/${index}/chainIds/${place}`, `chain ${id} is not among chains`);
      }
    });
  });
  chains.forEach((chain, index) => {
    checkContracts(`/chains/${index}`, chain, chain?.chainId === l1 ? 'l1' : 'l2', config, findings);
  });
}

export function checkExecutor(config: Executor, draft: Draft, env: Environment): void {
  const findings = new Findings(draft);
  checkCommon(config, findings);
  warnOfAnnouncements('/l1Chain', config.l1Chain, findings);
  config.chains?.forEach((chain, index) => {
    warnOfAnnouncements(`/chains/${index}`, chain, findings);
  });
  if (config.l1Chain?.chainId !== undefined) {
    checkChain('/l1Chain', findings);
    checkContracts('/l1Chain', config.l1Chain, 'l1', config, findings);
  }
  config.chains?.forEach((chain, index) => {
    if (chain?.chainId === config.l1Chain?.chainId) return;
    checkContracts(`/chains/${index}`, chain, 'l2', config, findings);
  });
  checkPerformers(config, findings, env);
}

/** The rules between the keys of `AccessConfig`. */
export function checkAccess(config: Pick<Common, 'grpc' | 'storage'>, draft: Draft): void {
  const findings = new Findings(draft);
  checkTls(config, findings);
  checkStorage(config, findings);
}

function checkCommon(config: Common, findings: Findings): void {
  checkSigningKeys(config, findings);
  config.chains?.forEach((chain, index) => {
    if (chain) checkChain(`/chains/${index}`, findings);
  });
  findings.repeated(
    '/chains',
    'chainId',
    config.chains?.map((chain) => chain?.chainId),
  );
  config.contracts?.contracts?.forEach((contract, index) => {
    if (contract?.name === undefined || contractNamed(contract.name) !== undefined) return;
    const meant = nearest(contract.name, CONTRACT_NAMES);
    findings.warning(
      `/contracts/contracts/${index}/name`,
      `this contract is not used${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  });
}

function checkTls({ grpc }: Pick<Common, 'grpc'>, findings: Findings): void {
  if (grpc?.tls?.requireClientCert && !findings.isWritten('/grpc/tls/caFile')) {
    findings.problem(
      '/grpc/tls/requireClientCert',
      'it needs grpc.tls.caFile: whose certificates are accepted',
    );
  }
  const [hasCert, hasKey] = ['certFile', 'keyFile'].map((name) =>
    findings.isWritten(`/grpc/clientTls/${name}`),
  );
  if (hasCert !== hasKey) {
    findings.problem(
      '/grpc/clientTls',
      `${hasCert ? 'keyFile' : 'certFile'} is missing: certificate and key go together`,
    );
  }
}

function checkSigningKeys(config: Common, findings: Findings): void {
  const at = '/operator/signingKeys';
  const keys = config.operator?.signingKeys;
  if (!keys?.bls && !keys?.ecdsa && !findings.isWritten(`${at}/bls`) && !findings.isWritten(`${at}/ecdsa`)) {
    findings.problem(at, 'a signing key is missing: give bls (a BN254 keystore), ecdsa, or both');
  }
  const written = (curve: string, names: readonly string[]) =>
    names.some((name) => findings.isWritten(`${at}/${curve}/${name}`));
  if (keys?.bls && !written('bls', ['keystore', 'keystoreFile'])) {
    findings.problem(`${at}/bls`, 'a key is missing: give keystore or keystoreFile');
  }
  if (
    keys?.ecdsa &&
    !keys.ecdsa.remoteSigner &&
    !written('ecdsa', ['privateKey', 'keystore', 'keystoreFile'])
  ) {
    findings.problem(`${at}/ecdsa`, 'a key is missing: give privateKey, keystoreFile or remoteSigner');
  }
  if (keys?.ecdsa?.remoteSigner) checkRemoteSigner(`${at}/ecdsa`, keys.ecdsa.remoteSignerConfig, findings);
}

function checkPayingKey(config: Aggregator, findings: Findings): void {
  const at = '/operator/operatorPrivateKey';
  const key = config.operator?.operatorPrivateKey;
  if (key?.remoteSigner) checkRemoteSigner(at, key.remoteSignerConfig, findings);
  else if (!findings.isWritten(`${at}/privateKey`)) {
    findings.problem(at, 'the key that pays for transactions is missing: give privateKey or remoteSigner');
  }
}

type RemoteSigner = NonNullable<
  NonNullable<NonNullable<Common['operator']>['operatorPrivateKey']>['remoteSignerConfig']
>;

function checkRemoteSigner(at: Pointer, config: RemoteSigner | undefined, findings: Findings): void {
  const inner = `${at}/remoteSignerConfig`;
  const isWritten = (name: string) => findings.isWritten(`${inner}/${name}`);
  if (!findings.isWritten(inner)) findings.problem(at, 'remoteSigner needs remoteSignerConfig');
  else if (!isWritten('fromAddress') && !isWritten('publicKey')) {
    findings.problem(inner, 'it names no key: give publicKey or fromAddress');
  }
  if (isWritten('cert') !== isWritten('key')) {
    findings.problem(
      inner,
      `${isWritten('cert') ? 'key' : 'cert'} is missing: a client certificate needs both`,
    );
  }
  if (config?.url?.startsWith('http:') && ['caCert', 'cert', 'key'].some(isWritten)) {
    findings.problem(`${inner}/url`, 'it is without TLS, and certificates are given; write https://');
  }
  for (const name of ['privateKey', 'keystore', 'keystoreFile']) {
    if (findings.isWritten(`${at}/${name}`)) {
      findings.warning(`${at}/${name}`, 'it has no effect: the remote signer holds the key; take it out');
    }
  }
}

function checkChain(at: Pointer, findings: Findings): void {
  if (!findings.isWritten(`${at}/rpcUrl`) && !findings.isWritten(`${at}/rpcUrls`)) {
    findings.problem(at, 'an endpoint is missing: give rpcUrl or rpcUrls');
  }
}

function warnOfAnnouncements(at: Pointer, chain: Chain | undefined, findings: Findings): void {
  if (chain?.wsUrl === undefined) return;
  findings.warning(`${at}/wsUrl`, 'it has no effect: an executor does not wait for blocks');
}

function checkContracts(
  at: Pointer,
  chain: Chain | undefined,
  place: 'l1' | 'l2',
  config: Common,
  findings: Findings,
): void {
  if (chain?.chainId === undefined) return;
  // What was written wrongly has been reported, and would be there.
  const isWrong = (name: ContractName) =>
    config.overrideContracts?.[name]?.contract === undefined &&
    findings.isWritten(`/overrideContracts/${name}/contract`);
  const missing = missingContracts(chain.chainId, place, soundContracts(config)).filter(
    (name) => !isWrong(name),
  );
  if (missing.length > 0) {
    findings.problem(
      `${at}/chainId`,
      `no address is known on chain ${chain.chainId} for ${missing.join(', ')}; give them under overrideContracts`,
    );
  }
}

/** The contracts that are written soundly. */
function soundContracts(config: Common): ContractConfig {
  const overrides = Object.entries(config.overrideContracts ?? {}).flatMap(([name, override]) =>
    override?.contract === undefined
      ? []
      : [
          [
            name,
            {
              contract: override.contract,
              chainIds: (override.chainIds ?? []).filter((id) => id !== undefined),
            },
          ],
        ],
  );
  return {
    contracts: config.contracts && {
      contracts: (config.contracts.contracts ?? []).flatMap((entry) =>
        entry?.name === undefined || entry.address === undefined || entry.chainId === undefined
          ? []
          : [{ name: entry.name, address: entry.address, chainId: entry.chainId }],
      ),
    },
    overrideContracts: Object.fromEntries(overrides),
  };
}

const BADGER_ONLY = [
  'valueLogFileSize',
  'numVersionsToKeep',
  'numLevelZeroTables',
  'numLevelZeroTablesStall',
  'valueLogMaxEntries',
] as const;

function checkStorage({ storage }: Pick<Common, 'storage'>, findings: Findings): void {
  if (storage?.type === 'level' && !findings.isWritten('/storage/level/dir')) {
    findings.problem('/storage/level/dir', 'is missing: storage of type level needs a folder');
  }
  if (storage?.type !== 'badger') return;
  if (!storage.badger?.inMemory && !findings.isWritten('/storage/badger/dir')) {
    findings.problem('/storage/badger/dir', 'is missing: storage of type badger needs a folder');
  }
  const idle = BADGER_ONLY.filter((knob) => findings.isWritten(`/storage/badger/${knob}`));
  if (idle.length > 0) {
    findings.warning(
      '/storage/badger',
      `${idle.join(', ')} ${idle.length === 1 ? 'has' : 'have'} no meaning for LevelDB and no effect`,
    );
  }
}
