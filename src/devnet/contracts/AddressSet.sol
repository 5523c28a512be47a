// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice A set of addresses whose order is observable: new ones go to the end, and removing one
/// moves the last into the hole.
library AddressSet {
    struct Set {
        address[] values;
        /// Place in `values`, counted from 1; 0 = absent.
        mapping(address => uint256) places;
    }

    /// @return false if it was in the set already
    function add(Set storage set, address value) internal returns (bool) {
        if (set.places[value] != 0) return false;
        set.values.push(value);
        set.places[value] = set.values.length;
        return true;
    }

    /// @return false if it was not in the set
    function remove(Set storage set, address value) internal returns (bool) {
        uint256 place = set.places[value];
        if (place == 0) return false;
        address last = set.values[set.values.length - 1];
        set.values[place - 1] = last;
        set.places[last] = place;
        set.values.pop();
        delete set.places[value];
        return true;
    }

    function contains(Set storage set, address value) internal view returns (bool) {
        return set.places[value] != 0;
    }
}
