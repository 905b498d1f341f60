// Roots for jobs of sandbox level image, made of busybox and attack_tool.
#pragma once

#include <map>
#include <string>

namespace hearth::attack {

// Makes a sound root at `folder`. In its /bin are busybox, attack_tool and copies of that which
// would give rights: setuid_tool and capable_tool.
void make_image(const std::string& folder);

// Each name below `folder` with all that a hostile job could change of it: kind, mode, owner, time,
// attributes, and bytes or target.
std::map<std::string, std::string> tree_of(const std::string& folder);

}  // namespace hearth::attack
