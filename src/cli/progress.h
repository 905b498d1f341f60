// Progress of many jobs on one line of stderr, until all have ended.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "cli/session.h"

namespace hearth::cli {

struct Tally {
  std::int64_t total = 0;
  std::int64_t ended = 0;
  std::int64_t completed = 0;
  std::int64_t running = 0;
  bool left = false;  // Ctrl-C
};

class Progress {
 public:
  Progress(Session& session, std::set<std::string> ids);
  Result<Tally> run();

 private:
  Result<> refresh();  // asks for each job that is not known to have ended
  Result<bool> follow(client::ResponseStream& stream);  // true: done or left
  Result<> take(const client::SseEvent& event);
  void note(const std::string& id, const std::string& state);
  [[nodiscard]] Tally tally() const;
  Result<> show(bool last);

  Session& session_;
  std::map<std::string, std::string> states_;
  std::string cursor_;
  std::string shown_;
  bool lagged_ = true;
  bool left_ = false;
};

}  // namespace hearth::cli
