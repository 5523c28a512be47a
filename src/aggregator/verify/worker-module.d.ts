/** The verification worker as one file of text, made by the build (see package.json, "imports"). */
declare module '#verify-worker' {
  const source: string;
  export default source;
}
