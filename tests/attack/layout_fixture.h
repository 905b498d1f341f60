// OCI layouts whose layers are made entry by entry, since no tool would make these.
#pragma once

#include <string>
#include <vector>

#include "archive/testing/tar_builder.h"

namespace hearth::attack {

using Layer = std::vector<archive::testing::TarItem>;

archive::testing::TarItem link_entry(const std::string& name, const std::string& target,
                                     char type = '2');
// /bin/sh and what else busybox is.
Layer sound_layer();

// A layout at `folder` with one image, "latest", of these layers from the lowest on.
void make_layout(const std::string& folder, const std::vector<Layer>& layers);

}  // namespace hearth::attack
