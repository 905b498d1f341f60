#include "core/shortfall.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace hearth::core {
namespace {

constexpr std::int64_t kMilli = 1'000;
constexpr std::int64_t kMib = 1'024 * 1'024;

std::string cpu_text(std::int64_t milli) {
  std::string text = std::to_string(milli / kMilli);
  if (milli % kMilli != 0) {
    std::string fraction = std::to_string(kMilli + milli % kMilli).substr(1);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text + " CPU";
}

// As jobs ask for it; what an agent has is seldom a whole number of MiB.
std::string memory_text(std::int64_t bytes) {
  if (bytes < kMib) {
    return std::to_string(bytes) + " bytes of memory";
  }
  const std::int64_t tenths = bytes % kMib * 10 / kMib;
  return std::to_string(bytes / kMib) + (tenths > 0 ? "." + std::to_string(tenths) : "") +
         " MiB of memory";
}

std::string amount_text(const std::string& resource, std::int64_t amount) {
  if (resource == "cpu") {
    return cpu_text(amount);
  }
  if (resource == "memory") {
    return memory_text(amount);
  }
  if (resource == "gpus") {
    return std::to_string(amount) + " GPU(s)";
  }
  return std::to_string(amount) + " of " + resource;
}

}  // namespace

std::string feature_text(const std::string& feature) {
  const std::size_t colon = feature.find(':');
  const std::string name = "\"" + feature.substr(colon + 1) + "\"";
  const std::string kind = feature.substr(0, colon);
  return (kind == "lang" ? "the language " : kind == "image" ? "the image " : kind + " ") + name;
}

namespace {

struct Collector {
  const AgentState& agent;
  std::vector<WaitReason> reasons;

  void add(std::string code, const std::string& what, std::string resource = {},
           std::int64_t required = 0, std::int64_t available = 0) {
    reasons.push_back({.code = std::move(code),
                       .sentence = "Agent " + agent.record.info.id.value() + " " + what + ".",
                       .agent = agent.record.info.id,
                       .resource = std::move(resource),
                       .required = required,
                       .available = available,
                       .since = {}});
  }

  // One component: too small for ever, or short of it now.
  void amount(const std::string& resource, std::int64_t required, std::int64_t capacity,
              std::int64_t free) {
    if (required > capacity) {
      add("infeasible",
          "has " + amount_text(resource, capacity) + " in all, the job needs " +
              amount_text(resource, required),
          resource, required, capacity);
    } else if (required > free) {
      add("capacity",
          "has " + amount_text(resource, free) + " free, the job needs " +
              amount_text(resource, required) + ": " + amount_text(resource, required - free) +
              " too few",
          resource, required, free);
    }
  }
};

void add_fixed(Collector& out, const sched::FleetAgent& offer, const sched::ClassKey& key) {
  for (const auto& [name, value] : key.requires_labels) {
    const auto at = offer.labels.find(name);
    if (at == offer.labels.end() || at->second != value) {
      out.add("infeasible", "does not carry the label " + name + "=" + value, name);
    }
  }
  if ((offer.sandboxes & (1U << static_cast<unsigned>(key.sandbox))) == 0) {
    out.add("infeasible",
            "does not offer the sandbox level \"" + std::string(to_string(key.sandbox)) + "\"",
            "sandbox");
  }
  for (const std::string& feature : key.features) {
    if (!std::ranges::binary_search(offer.features, feature)) {
      out.add("infeasible", "does not offer " + feature_text(feature), feature);
    }
  }
}

void add_amounts(Collector& out, const sched::FleetAgent& offer, const ResourceVector& request) {
  out.amount("cpu", request.cpu_milli, offer.capacity.cpu_milli, offer.free.cpu_milli);
  out.amount("memory", request.memory_bytes, offer.capacity.memory_bytes, offer.free.memory_bytes);
  out.amount("gpus", request.gpus, offer.capacity.gpus, offer.free.gpus);
  for (const auto& [name, amount] : request.named) {
    out.amount(name, amount, offer.capacity.named_amount(name), offer.free.named_amount(name));
  }
  if (offer.running >= offer.max_parallel) {
    out.add("capacity",
            "runs " + std::to_string(offer.running) + " attempts, its maxParallelJobs of " +
                std::to_string(offer.max_parallel),
            "parallel_jobs", 1, 0);
  }
}

std::int64_t amount_of(const ResourceVector& request, const std::string& resource) {
  if (resource == "parallel_jobs") {
    return 1;
  }
  if (resource == "cpu") {
    return request.cpu_milli;
  }
  if (resource == "memory") {
    return request.memory_bytes;
  }
  return resource == "gpus" ? request.gpus : request.named_amount(resource);
}

}  // namespace

// Back from now, each attempt that is there gives back what it took when it was assigned, until
// there is enough. Attempts that have ended since then only took more.
std::optional<TimePoint> short_since(const State& state, AgentSlot slot, const WaitReason& reason) {
  if (reason.resource == "connection") {
    return state.agent(slot).record.last_heartbeat_at;
  }
  if (reason.code != "capacity" || reason.resource == "drain") {
    return std::nullopt;
  }
  std::vector<std::pair<TimePoint, std::int64_t>> taken;
  for (const JobSlot attempt : state.attempts_on(slot)) {
    const Job& job = state.job(attempt);
    const ResourceVector& request = state.scheduler().key_of(job.class_id).request;
    taken.emplace_back(job.record.assigned_at.value_or(job.record.created_at),
                       amount_of(request, reason.resource));
  }
  std::ranges::sort(taken, std::greater());
  std::int64_t available = reason.available;
  for (const auto& [at, amount] : taken) {
    available += amount;
    if (available >= reason.required) {
      return at;
    }
  }
  return std::nullopt;
}

std::vector<WaitReason> shortfalls(const State& state, AgentSlot slot, const sched::ClassKey& key,
                                   sched::ClassId own_class) {
  const sched::FleetAgent& offer = state.scheduler().fleet().at(slot);
  const AgentState& agent = state.agent(slot);
  Collector out{agent, {}};
  add_fixed(out, offer, key);
  add_amounts(out, offer, key.request);
  if (agent.link == 0) {
    out.add("capacity", "is disconnected", "connection", 1, 0);
  } else if (!agent.accepts()) {
    out.add("capacity", "is draining and takes no new work", "drain", 1, 0);
  }
  const sched::ClassId holder = state.scheduler().holder_of(slot);
  if (holder != kNone && holder != own_class) {
    out.add("starvation_hold",
            "is held for other jobs that have waited too long (" +
                request_text(state.scheduler().key_of(holder).request) + " each)",
            "hold", 1, 0);
  }
  return std::move(out.reasons);
}

std::string infeasible_message(const State& state, const sched::ClassKey& key) {
  constexpr std::size_t kAgentsNamed = 3;
  std::string text =
      "No registered agent could ever hold the job, which needs " + request_text(key.request) + ".";
  std::size_t named = 0;
  for (const auto& [id, slot] : state.agent_slots()) {
    if (named == kAgentsNamed) {
      text += " And so on for " + std::to_string(state.agent_slots().size() - named) + " more.";
      break;
    }
    for (const WaitReason& reason : shortfalls(state, slot, key, kNone)) {
      if (reason.code == "infeasible") {
        text += " " + reason.sentence;
      }
    }
    ++named;
  }
  return text + " Ask for less, or add an agent that offers it.";
}

std::string request_text(const ResourceVector& request) {
  std::string text =
      amount_text("cpu", request.cpu_milli) + ", " + amount_text("memory", request.memory_bytes);
  if (request.gpus > 0) {
    text += ", " + amount_text("gpus", request.gpus);
  }
  for (const auto& [name, amount] : request.named) {
    text += ", " + amount_text(name, amount);
  }
  return text;
}

}  // namespace hearth::core
