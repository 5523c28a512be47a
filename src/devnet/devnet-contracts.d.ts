/** Made by compile-contracts.mjs; bundled into the executable. */
declare module '#devnet-contracts' {
  const contracts: Readonly<
    Record<string, { readonly abi: object[]; readonly bytecode: string; readonly deployedBytecode: string }>
  >;
  export default contracts;
}
