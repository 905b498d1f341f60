// What an attempt's end means, when several things happened to it at once.
//
// An attempt can be cancelled, pass its time limit and be killed for memory within one second.
// Which of them its result names is decided here and nowhere else. Pure values.
#pragma once

#include <string>

#include "agent/core/agent_core.h"
#include "base/time.h"
#include "model/job.h"

namespace hearth::agent {

// What was ordered or found out before the process ended. Several can hold.
struct EndCauses {
  bool cancelled = false;
  bool timed_out = false;
  bool output_limit = false;
  bool drained = false;
  Duration timeout{};         // for the sentence
  Duration drain_deadline{};  // for the sentence
};

// First row that holds wins:
//   1 cancelled                        CANCELLED  cancel_requested   a cancel is final (J6)
//   2 an OOM kill in the group         FAILED     oom                whatever the exit code
//   3 ran past its timeout             TIMED_OUT  timed_out          even if it exits 0 on SIGTERM
//   4 killed for its output            FAILED     output_limit
//   5 the launcher was lost            FAILED     launcher_lost      the exit status is not known
//   6 evicted by a drain, no exit code FAILED     drained            one that exited by itself
//   counts 7 exit code 0                      COMPLETED 8 another exit code                FAILED
//   exit_nonzero 9 a signal                         FAILED     signaled
AttemptResult result_of_end(const ProcessEnded& ended, const EndCauses& causes);

// The process never ran: rows 1 and 6 before the spawn's own failure.
AttemptResult result_of_spawn_failure(const SpawnFailed& failed, const EndCauses& causes);

// Ended before a spawn was tried: rows 1 and 6.
AttemptResult result_of_no_start(const EndCauses& causes);

}  // namespace hearth::agent
