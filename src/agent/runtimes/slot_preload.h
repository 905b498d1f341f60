// What runs in an interpreter that was started ahead, until its script comes.
//
// It gets what every script needs into memory, says so on descriptor 3 (one byte 'R'), waits there
// for one byte, reads descriptor 4 (slot_frame), answers 'A', and becomes what the interpreter
// would be had it been started with the script: same arguments, environment, working directory,
// streams, positions in error messages. Its own file is gone before the script comes, its
// descriptors before the script begins.
//
// If the other end of descriptor 3 closes, it ends.
#pragma once

#include <string>
#include <string_view>

#include "agent/runtimes/languages.h"

namespace hearth::agent {

inline constexpr std::string_view kPreloadFile = ".hearth-slot";
inline constexpr char kSlotReady = 'R';
inline constexpr char kSlotGo = 'G';
inline constexpr char kSlotTaken = 'A';

// Of a language with a warm kind other than None.
std::string slot_preload(const Language& language);

}  // namespace hearth::agent
