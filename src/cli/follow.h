// Following one job: its output to the streams it came from, its transitions, across retries and
// controller restarts, until it ends.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "cli/session.h"

namespace hearth::cli {

// What following came to. `left`: the user pressed Ctrl-C twice (or once, when not cancelling).
struct Followed {
  bool left = false;
};

class Follower {
 public:
  struct Options {
    bool cancel_on_interrupt = false;
    std::string stream;                   // only this one; empty: both
    std::optional<std::int64_t> attempt;  // only this one
  };

  Follower(Session& session, std::string job, Options options);
  Result<Followed> run();

 private:
  enum class Step { Go, Reconnect, Ended, Left };
  Result<Step> read_events(client::ResponseStream& stream);
  Result<Step> take(const client::SseEvent& event);
  Result<> print_output(const boost::json::value& event);
  Result<> note_state(const boost::json::value& job);
  Result<Step> interrupted();

  Session& session_;
  std::string job_;
  Options options_;
  std::string cursor_;
  std::map<std::pair<std::int64_t, std::string>, std::int64_t> positions_;  // (attempt, stream)
  std::int64_t attempt_ = 0;
  bool cancelled_ = false;
};

// The exit code of spec §4 for a job that ended.
int exit_code_of(const boost::json::value& job);
// "job 01… COMPLETED exit 0 after 12 ms on agent a"
std::string summary_of(const boost::json::value& job);

}  // namespace hearth::cli
