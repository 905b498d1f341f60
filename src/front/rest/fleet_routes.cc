// Routes about agents, workers and all that happens.
#include <algorithm>
#include <charconv>
#include <set>

#include "front/rest/feed.h"
#include "front/rest/job_json.h"
#include "front/rest/json_fields.h"
#include "front/rest/query.h"
#include "front/rest/routes.h"
#include "net/json_reader.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

constexpr std::array<std::string_view, 6> kWorkerParameters = {
    "idle", "model", "key", "minFreeRamMb", "minFreeVramMb", "label"};

Result<bool> read_enable(const std::string& body) {
  HEARTH_ASSIGN(const auto value, net::parse_json(body.empty() ? "{}" : body));
  HEARTH_ASSIGN(const auto* object, read_object(value, "body"));
  bool enable = true;
  for (const auto& member : *object) {
    if (member.key() != "enable") {
      return unknown_field(std::string(member.key()));
    }
    HEARTH_ASSIGN(enable, read_boolean(member.value(), "enable"));
  }
  return enable;
}

const AgentView* find_agent(const std::vector<AgentView>& agents, const AgentId& id) {
  const auto found = std::find_if(agents.begin(), agents.end(), [&id](const AgentView& agent) {
    return agent.record.info.id == id;
  });
  return found == agents.end() ? nullptr : &*found;
}

// Which agents' workers are asked for; nullopt when no worker of this version can match.
Result<std::optional<std::set<AgentId>>> read_worker_filter(Context& context,
                                                            const net::QueryList& query) {
  HEARTH_TRY(check_names(query, kWorkerParameters));
  HEARTH_ASSIGN(const bool idle, flag_parameter(query, "idle"));
  HEARTH_ASSIGN(const auto model, text_parameter(query, "model"));
  HEARTH_ASSIGN(const auto key, text_parameter(query, "key"));
  HEARTH_ASSIGN(const auto ram,
                integer_parameter(query, "minFreeRamMb", 0, INT64_MAX / limits::kMiB));
  HEARTH_ASSIGN(const auto vram, integer_parameter(query, "minFreeVramMb", 0, INT64_MAX));
  net::QueryList labels;
  std::copy_if(query.begin(), query.end(), std::back_inserter(labels),
               [](const auto& pair) { return pair.first == "label"; });
  HEARTH_ASSIGN(const store::JobQuery wanted, read_job_query(labels));
  // One-shot workers are never idle and have neither model, key nor known GPU memory.
  if (idle || model || key || vram.value_or(0) > 0) {
    return std::optional<std::set<AgentId>>();
  }
  std::set<AgentId> agents;
  for (const AgentView& agent : context.api.agents()) {
    const AgentInfo& info = agent.record.info;
    const bool has_labels =
        std::all_of(wanted.labels.begin(), wanted.labels.end(), [&info](const auto& label) {
          const auto found = info.labels.find(label.first);
          return found != info.labels.end() && found->second == label.second;
        });
    const std::int64_t free_bytes = info.capacity.memory_bytes - agent.reserved.memory_bytes;
    if (has_labels && free_bytes >= ram.value_or(0) * limits::kMiB) {
      agents.insert(info.id);
    }
  }
  return std::optional(std::move(agents));
}

}  // namespace

void list_agents(Context& context, Call call) {
  if (auto names = check_names(call.query, {}); !names) {
    call.responder.fail(names.error());
    return;
  }
  std::string body;
  net::JsonWriter json(body);
  json.begin_object().key("agents").begin_array();
  for (const AgentView& agent : context.api.agents()) {
    write_agent(json, agent);
  }
  json.end_array().end_object();
  call.responder.send(json_response(200, std::move(body)));
}

void drain_agent(Context& context, Call call) {
  const AgentId id(call.parameters.front());
  auto enable = read_enable(call.request.body);
  if (!enable) {
    call.responder.fail(enable.error());
    return;
  }
  if (find_agent(context.api.agents(), id) == nullptr) {
    call.responder.fail(not_found("there is no agent " + id.value().substr(0, 80)));
    return;
  }
  context.api.drain(id, *enable, [&context, responder = call.responder, id](Result<bool> done) {
    if (!done) {
      responder.fail(done.error());
      return;
    }
    responder.post([&context, responder, id] {
      const std::vector<AgentView> agents = context.api.agents();
      const AgentView* agent = find_agent(agents, id);
      if (agent == nullptr) {
        responder.fail(not_found("there is no agent " + id.value() + " any more"));
        return;
      }
      std::string body;
      net::JsonWriter json(body);
      write_agent(json, *agent);
      responder.send(json_response(200, std::move(body)));
    });
  });
}

void list_workers(Context& context, Call call) {
  const auto filter = read_worker_filter(context, call.query);
  if (!filter) {
    call.responder.fail(filter.error());
    return;
  }
  std::string body;
  net::JsonWriter json(body);
  json.begin_object();
  if (!*filter) {
    json.key("workers").begin_array().end_array();
  } else if (auto written = write_workers(
                 json, context.api, context.clock.now(),
                 [&agents = **filter](const AgentId& id) { return agents.contains(id); });
             !written) {
    call.responder.fail(written.error());
    return;
  }
  json.end_object();
  call.responder.send(json_response(200, std::move(body)));
}

void get_events(Context& context, Call call) {
  auto names = check_names(call.query, kJobFilters);
  const auto jobs = read_job_query(call.query);
  if (!names || !jobs) {
    call.responder.fail(!names ? names.error() : jobs.error());
    return;
  }
  FeedOptions options;
  if (has_job_filter(call.query)) {
    options.jobs = *jobs;
  }
  if (const std::string_view id = call.request.header("last-event-id"); !id.empty()) {
    std::uint64_t seq = 0;
    const auto [end, status] = std::from_chars(id.data(), id.data() + id.size(), seq);
    options.id_is_broken = status != std::errc{} || end != id.data() + id.size();
    if (!options.id_is_broken) {
      options.from = EventSeq(seq);
    }
  }
  send_stream(context, call,
              net::Response{.content_type = "text/event-stream",
                            .headers = {{"Cache-Control", "no-store"}}},
              make_feed(context.api, context.hub, context.pages, context.clock, options,
                        call.responder.wakeup()));
}

}  // namespace hearth::rest
