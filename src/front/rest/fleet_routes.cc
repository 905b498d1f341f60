// Routes about agents and all that happens.
#include <algorithm>
#include <charconv>
#include <utility>

#include "front/rest/feed.h"
#include "front/rest/job_json.h"
#include "front/rest/job_query.h"
#include "front/rest/routes.h"
#include "net/json_reader.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

constexpr std::array<std::string_view, 4> kEventTypes = {"job", "agent", "worker", "telemetry"};

// All of them, or those that "types" names, repeated or with commas.
Result<EventTypes> read_event_types(const net::QueryList& query) {
  EventTypes types;
  std::array<bool*, 4> members = {&types.jobs, &types.agents, &types.workers, &types.figures};
  bool is_first = true;
  for (const auto& [name, value] : query) {
    if (name != "types") {
      continue;
    }
    if (std::exchange(is_first, false)) {
      types = {.jobs = false, .agents = false, .workers = false, .figures = false};
    }
    for (std::size_t start = 0; start <= value.size();) {
      const std::size_t end = std::min(value.find(',', start), value.size());
      const std::string type = value.substr(start, end - start);
      const auto* const found = std::find(kEventTypes.begin(), kEventTypes.end(), type);
      if (found == kEventTypes.end()) {
        return invalid_field("types",
                             "there are events of the types job, agent, worker and "
                             "telemetry, not \"" +
                                 type.substr(0, 80) + "\"");
      }
      *members.at(static_cast<std::size_t>(found - kEventTypes.begin())) = true;
      start = end + 1;
    }
  }
  return types;
}

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

void get_events(Context& context, Call call) {
  net::QueryList filters = call.query;
  std::erase_if(filters, [](const auto& pair) { return pair.first == "types"; });
  auto names = check_names(filters, kJobFilters);
  const auto jobs = read_job_query(filters);
  const auto types = read_event_types(call.query);
  if (!names || !jobs || !types) {
    call.responder.fail(!names ? names.error() : !jobs ? jobs.error() : types.error());
    return;
  }
  FeedOptions options;
  options.types = *types;
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
              make_feed({context.api, context.telemetry, context.hub, context.pages}, options,
                        call.responder.wakeup()));
}

}  // namespace hearth::rest
