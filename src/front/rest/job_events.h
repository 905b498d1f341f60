// GET /v1/jobs/{id}/events: one job's states and output as server-sent events.
//
// The stream is a cursor over two orders at once, the event log and the offsets of the attempt that
// is being shown, and everything is read from the controller at the reader's pace: nothing is
// queued, so a slow reader costs nothing and loses nothing. All output of an attempt comes before
// the state that ends it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/controller_api.h"
#include "front/rest/event_hub.h"
#include "net/http_server.h"

namespace hearth::rest {

// What was seen: events up to `seq`, and this much of the output of `attempt`.
struct JobCursor {
  EventSeq seq;
  std::uint32_t attempt = 0;
  std::int64_t stdout_offset = 0;
  std::int64_t stderr_offset = 0;

  friend bool operator==(const JobCursor&, const JobCursor&) = default;
};

std::string to_string(const JobCursor& cursor);  // "12.1.300.0"
std::optional<JobCursor> parse_job_cursor(std::string_view text);

struct JobEventsOptions {
  JobCursor from;  // zero: the whole history
  bool with_output = true;
};

// `job` must exist. `wakeup` is that of the answer the source goes into.
std::unique_ptr<net::BodySource> make_job_events(api::ControllerApi& api, EventHub& hub, JobId job,
                                                 const JobEventsOptions& options,
                                                 const net::Wakeup& wakeup);

}  // namespace hearth::rest
