// GET /v1/events: everything that happens, as server-sent events.
//
// A snapshot, then one `job` event per persisted change, one `agent` or `worker` event per changed
// one, and the newest figures of each machine and its workers as `telemetry` when they come. The id
// is the sequence number of the last change of a job seen. A reader that comes back with an id goes
// on from there, out of the store if need be; one that has fallen behind the ring while connected,
// or whose id is older than what is kept, is told `lagged` and gets a new snapshot.
#pragma once

#include <memory>
#include <optional>

#include "api/controller_api.h"
#include "front/rest/event_hub.h"
#include "front/rest/feed_pages.h"
#include "net/http_server.h"
#include "net/json_writer.h"

namespace hearth::rest {

// Which events are shown after the snapshot.
struct EventTypes {
  bool jobs = true;
  bool agents = true;
  bool workers = true;
  bool figures = true;
};

struct FeedOptions {
  std::optional<EventSeq> from;         // Last-Event-ID
  bool id_is_broken = false;            // there was one, but not of ours
  std::optional<store::JobQuery> jobs;  // which jobs the snapshot shows; none without a filter
  EventTypes types;
};

struct FeedDeps {
  api::ControllerApi& api;
  api::TelemetryApi& telemetry;
  EventHub& hub;
  FeedPages& pages;
};

std::unique_ptr<net::BodySource> make_feed(const FeedDeps& deps, FeedOptions options,
                                           const net::Wakeup& wakeup);

// The jobs of `query`, newest first, as the members "jobs" and "nextCursor" of an open object. A
// page also ends before its text gets larger than a few megabytes.
Result<> write_job_page(net::JsonWriter& json, std::string& text, api::ControllerApi& api,
                        const store::JobQuery& query);

}  // namespace hearth::rest
