// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {G1Point, G2Point} from "./Types.sol";

/// @notice The curve y² = x³ + 3 over the prime P, by the precompiles of EIP-196, 197 and 198.
library BN254 {
    /// @dev Field modulus (EIP-196).
    uint256 internal constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    /// @dev Order of both groups (EIP-196).
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    // A failing precompile burns all the gas it was given, so it is given what it needs: 150, 6,000
    // and (EIP-2565, 32-byte operands) some 1,400 gas.
    uint256 private constant ADD_GAS = 1_000;
    uint256 private constant MUL_GAS = 10_000;
    uint256 private constant EXP_GAS = 20_000;

    error ECAddFailed();
    error ECMulFailed();
    error ExpModFailed();

    /// @return The generator of G1 (EIP-196).
    function generatorG1() internal pure returns (G1Point memory) {
        return G1Point(1, 2);
    }

    /// @return The generator of G2 (EIP-197) with its y negated.
    function negatedGeneratorG2() internal pure returns (G2Point memory) {
        return G2Point(
            [
                uint256(11559732032986387107991004021392285783925812861821192530917403151452391805634),
                uint256(10857046999023057135944570762232829481370756359578518086990519993285655852781)
            ],
            [
                P - 4082367875863433681332203403145435568316851327593401208105741076214120093531,
                P - 8495653923123431417604973247489272438418190587263600148770280649306958101930
            ]
        );
    }

    function negate(G1Point memory point) internal pure returns (G1Point memory) {
        return point.X == 0 && point.Y == 0 ? point : G1Point(point.X, P - (point.Y % P));
    }

    /// @dev Reverts with ECAddFailed for points off the curve.
    function add(G1Point memory a, G1Point memory b) internal view returns (G1Point memory sum) {
        uint256[4] memory input = [a.X, a.Y, b.X, b.Y];
        bool success;
        assembly ("memory-safe") {
            success := staticcall(ADD_GAS, 6, input, 0x80, sum, 0x40)
        }
        require(success, ECAddFailed());
    }

    /// @dev Reverts with ECMulFailed for a point off the curve.
    function multiply(G1Point memory point, uint256 scalar) internal view returns (G1Point memory product) {
        uint256[3] memory input = [point.X, point.Y, scalar];
        bool success;
        assembly ("memory-safe") {
            success := staticcall(MUL_GAS, 7, input, 0x60, product, 0x40)
        }
        require(success, ECMulFailed());
    }

    /// @notice Whether e(a1, a2) · e(b1, b2) = 1, spending at most `gasLimit`.
    /// @return success false when a point is off its curve or subgroup, or the gas did not suffice
    /// @return equal the answer, meaningful on success only
    function pairing(G1Point memory a1, G2Point memory a2, G1Point memory b1, G2Point memory b2, uint256 gasLimit)
        internal
        view
        returns (bool success, bool equal)
    {
        uint256[12] memory input = [
            a1.X, a1.Y, a2.X[0], a2.X[1], a2.Y[0], a2.Y[1],
            b1.X, b1.Y, b2.X[0], b2.X[1], b2.Y[0], b2.Y[1]
        ];
        uint256[1] memory output;
        assembly ("memory-safe") {
            success := staticcall(gasLimit, 8, input, 0x180, output, 0x20)
        }
        equal = output[0] != 0;
    }

    /// @notice Maps a digest to G1: the first x at or after `digest mod P` that lies on the curve, with
    /// the root that raising to (P + 1) / 4 gives.
    function hashToG1(bytes32 digest) internal view returns (G1Point memory) {
        uint256 x = uint256(digest) % P;
        while (true) {
            uint256 cube = mulmod(mulmod(x, x, P), x, P);
            uint256 square = addmod(cube, 3, P);
            uint256 y = _power(square, (P + 1) / 4);
            if (mulmod(y, y, P) == square) return G1Point(x, y);
            x = addmod(x, 1, P);
        }
        revert ExpModFailed();
    }

    function _power(uint256 base, uint256 exponent) private view returns (uint256) {
        uint256[6] memory input = [32, 32, 32, base, exponent, P];
        uint256[1] memory output;
        bool success;
        assembly ("memory-safe") {
            success := staticcall(EXP_GAS, 5, input, 0xc0, output, 0x20)
        }
        require(success, ExpModFailed());
        return output[0];
    }
}
