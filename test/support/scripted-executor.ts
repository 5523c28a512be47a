/** An executor that does what a test says: a real gRPC server with a devnet operator's keys and no checks. */
import { type Address, parseAddress, parseTaskId } from '../../src/base/brands.js';
import { silentLogger } from '../../src/base/logger.js';
import type { Bn254 } from '../../src/crypto/bn254/bn254.js';
import { signEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import type { CastOperator } from '../../src/devnet/cast.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  resultAuthMessage,
  taskMessageHash,
} from '../../src/protocol/result.js';
import {
  ExecutorServiceDefinition,
  type TaskResult,
  type TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type GrpcServer, startGrpcServer } from '../../src/rpc/server.js';

export interface ScriptedExecutor {
  readonly operator: CastOperator;
  /** Every submission that came, in order. */
  readonly submissions: TaskSubmission[];
  /** How it answers; `honest` by default. May throw a ServerError or wait. */
  answer: (submission: TaskSubmission, signal: AbortSignal) => Promise<TaskResult>;
  /** The answer an honest executor gives, with this output. */
  honest(submission: TaskSubmission, output?: string): Promise<TaskResult>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

export interface ScriptedExecutorOptions {
  readonly operator: CastOperator;
  /** `127.0.0.1:port`, as registered on chain. */
  readonly socket: string;
  readonly bn254: Bn254;
  readonly ecdsaVerifier: Address;
  readonly curveOf: (operatorSetId: number) => 'bn254' | 'ecdsa';
}

export function scriptedExecutor(options: ScriptedExecutorOptions): ScriptedExecutor {
  const { operator, bn254 } = options;
  let server: GrpcServer | undefined;
  const sign = (curve: 'bn254' | 'ecdsa', preimage: Uint8Array, map: 'solidity' | 'plain') =>
    curve === 'bn254'
      ? bn254.sign(operator.bn254Secret, keccak256(preimage), map)
      : signEcdsa(operator.ecdsaSigning.secret, keccak256(preimage));
  const executor: ScriptedExecutor = {
    operator,
    submissions: [],
    answer: (submission) => executor.honest(submission),
    async honest(submission, text = `done ${Buffer.from(submission.payload).toString()}`) {
      const curve = options.curveOf(submission.operatorSetId);
      const output = Buffer.from(text);
      const taskId = parseTaskId(submission.taskId);
      const messageHash = taskMessageHash(taskId, output);
      const preimage =
        curve === 'bn254'
          ? bn254CertificatePreimage(submission.referenceTimestamp, messageHash)
          : ecdsaCertificatePreimage(
              submission.referenceTimestamp,
              messageHash,
              ecdsaDomainSeparator(options.ecdsaVerifier),
            );
      const resultSignature = sign(curve, preimage, 'solidity');
      const auth = resultAuthMessage({
        taskId,
        avs: parseAddress(submission.avsAddress),
        operator: operator.address,
        operatorSetId: submission.operatorSetId,
        resultSignature,
      });
      return {
        taskId: submission.taskId,
        operatorAddress: operator.address,
        output,
        resultSignature: Buffer.from(resultSignature),
        avsAddress: submission.avsAddress,
        operatorSetId: submission.operatorSetId,
        authSignature: Buffer.from(sign(curve, auth, 'plain')),
        version: 1,
      };
    },
    async listen() {
      server = await startGrpcServer({
        host: '127.0.0.1',
        port: Number(options.socket.split(':')[1]),
        logger: silentLogger,
        services: [
          {
            definition: ExecutorServiceDefinition,
            implementation: {
              submitTask: (submission, { signal }) => {
                executor.submissions.push(submission);
                return executor.answer(submission, signal);
              },
            },
          },
        ],
      });
    },
    async close() {
      await server?.close(0);
      server = undefined;
    },
  };
  return executor;
}
