// The directory of a test. It is gone after a test that passed. Of one that failed, what its
// programs said is kept, and where is printed: in $HEARTH_TEST_LOGS, which ./x test sets, or in
// hearth-test-logs of the directory for temporary files. HEARTH_TEST_KEEP=1 keeps everything of a
// failed test where it is. A test that crashes, or that is ended, leaves everything too.
#pragma once

#include <string>

namespace hearth::harness {

class Scratch {
 public:
  // What a Program says goes to files whose names begin so.
  static constexpr const char* kOut = "out-";
  static constexpr const char* kErr = "err-";

  Scratch();
  // Programs that write into it have ended.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  static bool is_log(const std::string& name) {
    return name.starts_with(kOut) || name.starts_with(kErr);
  }

 private:
  std::string path_;
};

}  // namespace hearth::harness
