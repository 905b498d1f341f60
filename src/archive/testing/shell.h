// Tools that people make archives with.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace hearth::archive::testing {

struct ShellResult {
  int status = -1;
  std::string output;  // of both streams
};

inline ShellResult shell(const std::string& command) {
  ShellResult result;
  std::FILE* pipe = ::popen(("exec 2>&1; set -e; " + command).c_str(), "re");
  if (pipe == nullptr) {
    return result;
  }
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), got);
  }
  result.status = ::pclose(pipe);
  return result;
}

}  // namespace hearth::archive::testing
