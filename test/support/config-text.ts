/** Complete configuration texts, and small changes to them. */

const OPERATOR = `operator:
  address: "0x1111111111111111111111111111111111111111"
  operatorPrivateKey:
    privateKey: "0x${'ab'.repeat(32)}"
  signingKeys:
    ecdsa:
      privateKey: "${'cd'.repeat(32)}"
`;

/** The shortest aggregator file without a problem. */
export const AGGREGATOR_YAML = `l1ChainId: 31337
${OPERATOR}chains:
  - chainId: 31337
    rpcUrl: http://localhost:8545
`;

/** The shortest executor file without a problem. */
export const EXECUTOR_YAML = `${OPERATOR}l1Chain:
  chainId: 31337
  rpcUrl: http://localhost:8545
`;

/** The text with the one occurrence of `from` replaced. @throws Error when it is not there */
export function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`the text does not contain ${from}`);
  return text.replace(from, () => to);
}
