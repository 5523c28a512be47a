// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {BN254Signature} from "./BN254Signature.sol";
import {ECDSA} from "./ECDSA.sol";
import {EIP712Domain} from "./EIP712Domain.sol";
import {IAllocationManager} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {CurveType, G1Point, G2Point, OperatorSet} from "./Types.sol";

/// @notice The signing keys of operators, one per operator and operator set. A key proves itself by a
/// signature, and whoever brings it first has it for ever: it can never be registered a second time.
/// @dev Set-up: `initialize(allocationManager)`, once.
contract KeyRegistrar is Initializable {
    using OperatorSets for OperatorSet;

    bytes32 public constant ECDSA_KEY_REGISTRATION_TYPEHASH =
        keccak256("ECDSAKeyRegistration(address operator,address avs,uint32 operatorSetId,address keyAddress)");
    bytes32 public constant BN254_KEY_REGISTRATION_TYPEHASH =
        keccak256("BN254KeyRegistration(address operator,address avs,uint32 operatorSetId,bytes keyData)");

    IAllocationManager public allocationManager;

    mapping(bytes32 operatorSetKey => CurveType) private _curveTypes;
    /// Empty = not registered.
    mapping(bytes32 operatorSetKey => mapping(address operator => bytes)) private _keys;
    /// Survives deregistration.
    mapping(bytes32 keyHash => address) private _operatorsByKeyHash;

    event KeyDeregistered(OperatorSet operatorSet, address indexed operator, CurveType curveType);
    event KeyRegistered(OperatorSet operatorSet, address indexed operator, CurveType curveType, bytes pubkey);
    event OperatorSetConfigured(OperatorSet operatorSet, CurveType curveType);

    error ConfigurationAlreadySet();
    error InvalidCurveType();
    error InvalidKeyFormat();
    error InvalidPermissions();
    error InvalidSignature();
    error KeyAlreadyRegistered();
    error KeyNotFound(OperatorSet operatorSet, address operator);
    error OperatorSetNotConfigured();
    error OperatorStillSlashable(OperatorSet operatorSet, address operator);
    error ZeroPubkey();

    function initialize(address allocationManager_) external initializer {
        allocationManager = IAllocationManager(allocationManager_);
    }

    /// @notice Chooses the curve of an operator set, once; by the AVS.
    function configureOperatorSet(OperatorSet memory operatorSet, CurveType curveType) external {
        require(msg.sender == operatorSet.avs, InvalidPermissions());
        require(curveType != CurveType.NONE, InvalidCurveType());
        bytes32 key = operatorSet.key();
        require(_curveTypes[key] == CurveType.NONE, ConfigurationAlreadySet());
        _curveTypes[key] = curveType;
        emit OperatorSetConfigured(operatorSet, curveType);
    }

    /// @param keyData ECDSA: the 20-byte address; BN254: six words, see `encodeBN254KeyData`
    /// @param signature By that key over the registration message hash; BN254: `abi.encode(X, Y)`
    function registerKey(
        address operator,
        OperatorSet memory operatorSet,
        bytes memory keyData,
        bytes memory signature
    ) external {
        require(msg.sender == operator, InvalidPermissions());
        bytes32 key = operatorSet.key();
        CurveType curveType = _curveTypes[key];
        require(curveType != CurveType.NONE, OperatorSetNotConfigured());
        require(_keys[key][operator].length == 0, KeyAlreadyRegistered());
        bytes32 keyHash = curveType == CurveType.ECDSA
            ? _checkECDSAKey(operator, operatorSet, keyData, signature)
            : _checkBN254Key(operator, operatorSet, keyData, signature);
        _keys[key][operator] = keyData;
        _operatorsByKeyHash[keyHash] = operator;
        emit KeyRegistered(operatorSet, operator, curveType, keyData);
    }

    /// @notice Removes a key, by its operator once it has left the set, or by the allocation manager with
    /// the registration. The key stays taken.
    function deregisterKey(address operator, OperatorSet memory operatorSet) external {
        require(msg.sender == operator || msg.sender == address(allocationManager), InvalidPermissions());
        require(
            !allocationManager.isMemberOfOperatorSet(operator, operatorSet),
            OperatorStillSlashable(operatorSet, operator)
        );
        bytes32 key = operatorSet.key();
        require(_curveTypes[key] != CurveType.NONE, OperatorSetNotConfigured());
        require(_keys[key][operator].length != 0, KeyNotFound(operatorSet, operator));
        delete _keys[key][operator];
        emit KeyDeregistered(operatorSet, operator, _curveTypes[key]);
    }

    function isRegistered(OperatorSet memory operatorSet, address operator) public view returns (bool) {
        return _keys[operatorSet.key()][operator].length != 0;
    }

    function getOperatorSetCurveType(OperatorSet memory operatorSet) external view returns (CurveType) {
        return _curveTypes[operatorSet.key()];
    }

    /// @return Both halves of the key; zeros when the operator has none
    function getBN254Key(OperatorSet memory operatorSet, address operator)
        external
        view
        returns (G1Point memory, G2Point memory)
    {
        bytes32 key = operatorSet.key();
        require(_curveTypes[key] == CurveType.BN254, InvalidCurveType());
        bytes memory keyData = _keys[key][operator];
        if (keyData.length == 0) return (G1Point(0, 0), G2Point([uint256(0), 0], [uint256(0), 0]));
        return _decodeBN254Key(keyData);
    }

    /// @return The 20 bytes of the address; empty when the operator has no key
    function getECDSAKey(OperatorSet memory operatorSet, address operator) public view returns (bytes memory) {
        bytes32 key = operatorSet.key();
        require(_curveTypes[key] == CurveType.ECDSA, InvalidCurveType());
        return _keys[key][operator];
    }

    function getECDSAAddress(OperatorSet memory operatorSet, address operator) external view returns (address) {
        return address(bytes20(getECDSAKey(operatorSet, operator)));
    }

    /// @param keyData ECDSA: the 20-byte address; BN254: `abi.encode(G1.X, G1.Y)`
    /// @return operator Who brought this key, even after it was removed
    /// @return registered Whether that operator has a key in this operator set now
    function getOperatorFromSigningKey(OperatorSet memory operatorSet, bytes memory keyData)
        external
        view
        returns (address operator, bool registered)
    {
        CurveType curveType = _curveTypes[operatorSet.key()];
        require(curveType != CurveType.NONE, InvalidCurveType());
        if (curveType == CurveType.ECDSA) {
            operator = _operatorsByKeyHash[keccak256(keyData)];
        } else {
            (uint256 x, uint256 y) = abi.decode(keyData, (uint256, uint256));
            operator = _operatorsByKeyHash[_hashG1(G1Point(x, y))];
        }
        registered = isRegistered(operatorSet, operator);
    }

    function getECDSAKeyRegistrationMessageHash(address operator, OperatorSet memory operatorSet, address keyAddress)
        public
        view
        returns (bytes32)
    {
        return _registrationHash(
            abi.encode(ECDSA_KEY_REGISTRATION_TYPEHASH, operator, operatorSet.avs, operatorSet.id, keyAddress)
        );
    }

    function getBN254KeyRegistrationMessageHash(
        address operator,
        OperatorSet memory operatorSet,
        bytes memory keyData
    ) public view returns (bytes32) {
        return _registrationHash(
            abi.encode(
                BN254_KEY_REGISTRATION_TYPEHASH, operator, operatorSet.avs, operatorSet.id, keccak256(keyData)
            )
        );
    }

    /// @return Six words: G1.X, G1.Y, then G2's X and Y, imaginary part first
    function encodeBN254KeyData(G1Point memory g1Point, G2Point memory g2Point) external pure returns (bytes memory) {
        return abi.encode(g1Point.X, g1Point.Y, g2Point.X, g2Point.Y);
    }

    function _checkECDSAKey(
        address operator,
        OperatorSet memory operatorSet,
        bytes memory keyData,
        bytes memory signature
    ) private view returns (bytes32 keyHash) {
        require(keyData.length == 20, InvalidKeyFormat());
        address keyAddress = address(bytes20(keyData));
        require(keyAddress != address(0), ZeroPubkey());
        keyHash = keccak256(keyData);
        require(_operatorsByKeyHash[keyHash] == address(0), KeyAlreadyRegistered());
        bytes32 digest = getECDSAKeyRegistrationMessageHash(operator, operatorSet, keyAddress);
        require(ECDSA.recover(digest, signature) == keyAddress, InvalidSignature());
    }

    function _checkBN254Key(
        address operator,
        OperatorSet memory operatorSet,
        bytes memory keyData,
        bytes memory signature
    ) private view returns (bytes32 keyHash) {
        require(keyData.length == 192, InvalidKeyFormat());
        (G1Point memory keyG1, G2Point memory keyG2) = _decodeBN254Key(keyData);
        require(keyG1.X != 0 || keyG1.Y != 0, ZeroPubkey());
        (uint256 x, uint256 y) = abi.decode(signature, (uint256, uint256));
        (bool success, bool valid) = BN254Signature.verify(
            getBN254KeyRegistrationMessageHash(operator, operatorSet, keyData), G1Point(x, y), keyG1, keyG2, gasleft()
        );
        require(success && valid, InvalidSignature());
        keyHash = _hashG1(keyG1);
        require(_operatorsByKeyHash[keyHash] == address(0), KeyAlreadyRegistered());
    }

    function _decodeBN254Key(bytes memory keyData) private pure returns (G1Point memory, G2Point memory) {
        (uint256 x, uint256 y, uint256[2] memory g2X, uint256[2] memory g2Y) =
            abi.decode(keyData, (uint256, uint256, uint256[2], uint256[2]));
        return (G1Point(x, y), G2Point(g2X, g2Y));
    }

    function _hashG1(G1Point memory point) private pure returns (bytes32) {
        return keccak256(abi.encode(point.X, point.Y));
    }

    function _registrationHash(bytes memory structBytes) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", EIP712Domain.ofChain(), keccak256(structBytes)));
    }
}
