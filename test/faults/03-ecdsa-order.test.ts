/** Threat 3: the verifier wants ECDSA signatures in the order of the addresses that signed, not of the operators. */
import { expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import { type Address, blockNumber, parseHash32 } from '../../src/base/brands.js';
import { fromHex } from '../../src/base/bytes.js';
import { decodeTaskVerified, TASK_VERIFIED_TOPIC } from '../../src/chain/contracts/task-mailbox.js';
import { coreAddresses } from '../../src/config/known-chains.js';
import { recoverEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { ecdsaCertificatePreimage, ecdsaDomainSeparator } from '../../src/protocol/result.js';
import { setTaskRules } from '../support/administer.js';
import { ECDSA_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';

const stage = aggregatorStage();
const ascending = (addresses: readonly Address[]) => [...addresses].sort();

test('behavior: the certificate has the signatures in the order of recovered addresses, which is not that of operators', async () => {
  const { world } = stage;
  const { executors } = world.cast;
  const bySigner = [...executors].sort((a, b) => (a.ecdsaSigning.address < b.ecdsaSigning.address ? -1 : 1));
  // The world is one in which the wrong order would show, and nobody signs with the operator's own key.
  expect(bySigner.map(({ address }) => address)).not.toEqual(
    ascending(executors.map(({ address }) => address)),
  );
  for (const { address, ecdsaSigning } of executors) expect(ecdsaSigning.address).not.toBe(address);

  await world.administer((administration) => setTaskRules(administration, { consensus: 10_000 }));
  await stage.start();
  const task = await stage.createTask(L1, ECDSA_SET, 'in order');
  await stage.logged(task, 'task verified');

  const block = await world.verifiedAt(L1, task);
  const place = { fromBlock: blockNumber(block), toBlock: blockNumber(block) };
  const filter = { addresses: [world.state.mailbox], topics: [TASK_VERIFIED_TOPIC, null] };
  const logs = await world.client(L1).logs(filter, place);
  const verified = logs.map(decodeTaskVerified).find(({ taskId }) => taskId === task.taskId);
  if (verified === undefined) throw new Error('no event');
  const [[referenceTimestamp, messageHash, signatures]] = AbiCoder.defaultAbiCoder().decode(
    ['(uint32, bytes32, bytes)'],
    verified.executorCert,
  );
  const domain = ecdsaDomainSeparator(coreAddresses(L1, world.config).ecdsaCertificateVerifier);
  const digest = keccak256(
    ecdsaCertificatePreimage(Number(referenceTimestamp), fromHex(parseHash32(messageHash)), domain),
  );
  const bytes = Buffer.from(signatures.slice(2), 'hex');
  const recovered = Array.from({ length: bytes.length / 65 }, (_, index) =>
    recoverEcdsa(digest, bytes.subarray(index * 65, index * 65 + 65)),
  );
  expect(recovered).toEqual(bySigner.map(({ ecdsaSigning }) => ecdsaSigning.address));
}, 60_000);
