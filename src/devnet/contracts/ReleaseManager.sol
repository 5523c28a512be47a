// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {OperatorSets} from "./OperatorSets.sol";
import {OperatorSet} from "./Types.sol";

/// @notice The artifacts that an AVS publishes for its operator sets. Of several releases, an older one
/// stays valid until the time by which a newer one must be in use.
/// @dev Needs no set-up.
contract ReleaseManager {
    using OperatorSets for OperatorSet;

    struct Artifact {
        bytes32 digest;
        string registry;
    }

    struct Release {
        Artifact[] artifacts;
        uint32 upgradeByTime;
    }

    mapping(bytes32 operatorSetKey => Release[]) private _releases;
    mapping(bytes32 operatorSetKey => string) private _metadataURIs;

    event MetadataURIPublished(OperatorSet indexed operatorSet, string metadataURI);
    event ReleasePublished(OperatorSet indexed operatorSet, uint256 indexed releaseId, Release release);

    error InvalidMetadataURI();
    error InvalidPermissions();
    error InvalidUpgradeByTime();
    error MustPublishMetadataURI();
    error NoReleases();

    modifier onlyAVS(OperatorSet memory operatorSet) {
        require(msg.sender == operatorSet.avs, InvalidPermissions());
        _;
    }

    function publishMetadataURI(OperatorSet memory operatorSet, string memory metadataURI)
        external
        onlyAVS(operatorSet)
    {
        require(bytes(metadataURI).length > 0, InvalidMetadataURI());
        _metadataURIs[operatorSet.key()] = metadataURI;
        emit MetadataURIPublished(operatorSet, metadataURI);
    }

    /// @return releaseId Its place among the operator set's releases
    function publishRelease(OperatorSet memory operatorSet, Release memory release)
        external
        onlyAVS(operatorSet)
        returns (uint256 releaseId)
    {
        require(release.upgradeByTime >= block.timestamp, InvalidUpgradeByTime());
        require(bytes(_metadataURIs[operatorSet.key()]).length > 0, MustPublishMetadataURI());
        Release[] storage releases = _releases[operatorSet.key()];
        releaseId = releases.length;
        Release storage stored = releases.push();
        stored.upgradeByTime = release.upgradeByTime;
        for (uint256 i; i < release.artifacts.length; i++) stored.artifacts.push(release.artifacts[i]);
        emit ReleasePublished(operatorSet, releaseId, release);
    }

    function getTotalReleases(OperatorSet memory operatorSet) external view returns (uint256) {
        return _releases[operatorSet.key()].length;
    }

    function getRelease(OperatorSet memory operatorSet, uint256 releaseId) external view returns (Release memory) {
        return _releases[operatorSet.key()][releaseId];
    }

    function getLatestRelease(OperatorSet memory operatorSet) public view returns (uint256, Release memory) {
        Release[] storage releases = _releases[operatorSet.key()];
        require(releases.length > 0, NoReleases());
        return (releases.length - 1, releases[releases.length - 1]);
    }

    function getLatestUpgradeByTime(OperatorSet memory operatorSet) external view returns (uint32) {
        (, Release memory release) = getLatestRelease(operatorSet);
        return release.upgradeByTime;
    }

    function isValidRelease(OperatorSet memory operatorSet, uint256 releaseId) external view returns (bool) {
        Release[] storage releases = _releases[operatorSet.key()];
        require(releases.length > 0, NoReleases());
        if (releaseId >= releases.length) return false;
        for (uint256 i = releaseId + 1; i < releases.length; i++) {
            if (releases[i].upgradeByTime <= block.timestamp) return false;
        }
        return true;
    }
}
