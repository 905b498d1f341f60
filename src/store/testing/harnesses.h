// The stores of this repository, as the contract suite opens them.
#pragma once

#include <vector>

#include "store/testing/store_contract.h"

namespace hearth::store::testing {

std::vector<HarnessMaker> harnesses();

inline std::string harness_name(const ::testing::TestParamInfo<HarnessMaker>& info) {
  return info.param.name;
}

}  // namespace hearth::store::testing
