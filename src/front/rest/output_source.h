// GET /v1/jobs/{id}/output: the raw bytes of one stream of one attempt.
#pragma once

#include <memory>

#include "api/controller_api.h"
#include "front/rest/event_hub.h"
#include "net/http_server.h"

namespace hearth::rest {

// What is sent begins at `offset` and stops before a gap, at `end` or, when it is followed, with
// the attempt.
struct OutputRange {
  JobId job;
  std::uint32_t attempt = 0;
  StreamKind stream = StreamKind::Stdout;
  std::int64_t offset = 0;
  std::optional<std::int64_t> end;  // nullopt: follow
};

std::unique_ptr<net::BodySource> make_output_source(api::ControllerApi& api, EventHub& hub,
                                                    const OutputRange& range,
                                                    const net::Wakeup& wakeup);

}  // namespace hearth::rest
