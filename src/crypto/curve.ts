/** The curves an operator set may sign with, by our name and by the contracts' number. */

/** `bn254`: BLS signatures over alt_bn128. `ecdsa`: secp256k1. */
export type CurveName = 'bn254' | 'ecdsa';

/** `IKeyRegistrarTypes.CurveType` of the EigenLayer contracts. */
export const CURVE_TYPE = { none: 0, ecdsa: 1, bn254: 2 } as const;

/** The curve of a contract's `CurveType`; undefined for none and for numbers unknown to us. */
export function curveNameOf(curveType: number): CurveName | undefined {
  if (curveType === CURVE_TYPE.ecdsa) return 'ecdsa';
  if (curveType === CURVE_TYPE.bn254) return 'bn254';
  return undefined;
}
