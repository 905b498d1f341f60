#include <cmath>

#include "core/testing/env.h"

namespace hearth::core::testing {
namespace {

std::int64_t milli(double cpus) {
  return static_cast<std::int64_t>(std::lround(cpus * 1'000));
}

ResourceVector named(const std::string& name, std::int64_t amount) {
  return {.cpu_milli = 0, .memory_bytes = 0, .gpus = 0, .named = {{name, amount}}};
}

}  // namespace

JobBuilder& JobBuilder::cpus(double cpus) {
  item.spec.request.cpu_milli = milli(cpus);
  return *this;
}
JobBuilder& JobBuilder::memory_mib(std::int64_t mib) {
  item.spec.request.memory_bytes = mib * kMib;
  return *this;
}
JobBuilder& JobBuilder::gpus(std::int64_t count) {
  item.spec.request.gpus = count;
  return *this;
}
JobBuilder& JobBuilder::resource(const std::string& name, std::int64_t amount) {
  item.spec.request.add(named(name, amount));
  return *this;
}
JobBuilder& JobBuilder::requires_label(const std::string& name, const std::string& value) {
  item.spec.requires_labels[name] = value;
  return *this;
}
JobBuilder& JobBuilder::feature(const std::string& name) {
  item.spec.features.push_back(name);
  return *this;
}
JobBuilder& JobBuilder::sandbox(SandboxLevel level) {
  item.spec.sandbox = level;
  return *this;
}
JobBuilder& JobBuilder::priority(std::int32_t priority) {
  item.spec.priority = priority;
  return *this;
}
JobBuilder& JobBuilder::group(const std::string& name, std::int64_t limit) {
  item.spec.group = name;
  item.spec.group_limit = limit;
  return *this;
}
JobBuilder& JobBuilder::retries(std::int64_t max, Duration initial) {
  item.spec.max_retries = max;
  item.spec.backoff.initial = initial;
  return *this;
}
JobBuilder& JobBuilder::max_lost(std::int64_t max) {
  item.spec.max_lost = max;
  return *this;
}
JobBuilder& JobBuilder::after(JobId job, DependencyCondition condition) {
  item.spec.after.push_back({job, condition});
  return *this;
}
JobBuilder& JobBuilder::after_ref(std::size_t index, DependencyCondition condition) {
  item.after_refs.emplace_back(index, condition);
  return *this;
}
JobBuilder& JobBuilder::not_before(TimePoint at) {
  item.spec.not_before = at;
  return *this;
}
JobBuilder& JobBuilder::max_queue(Duration limit) {
  item.spec.max_queue = limit;
  return *this;
}
JobBuilder& JobBuilder::reject_infeasible() {
  item.spec.on_infeasible = OnInfeasible::Reject;
  return *this;
}
JobBuilder& JobBuilder::key(const std::string& idempotency_key) {
  item.idempotency_key = idempotency_key;
  return *this;
}
JobBuilder& JobBuilder::payload_bytes(std::int64_t bytes) {
  item.payload_bytes = bytes;
  return *this;
}

AgentBuilder::AgentBuilder(Env& env, const std::string& id) : env_(env) {
  hello_.info.id = AgentId(id);
  hello_.info.instance = id + "-data";
  hello_.info.incarnation = id + "-first";
  hello_.info.hostname = "host-" + id;
  constexpr std::int64_t kMemoryMib = 64 * 1'024;
  cpus(8);
  memory_mib(kMemoryMib);
}
AgentBuilder& AgentBuilder::cpus(double cpus) {
  hello_.info.capacity.cpu_milli = milli(cpus);
  return *this;
}
AgentBuilder& AgentBuilder::memory_bytes(std::int64_t bytes) {
  hello_.info.capacity.memory_bytes = bytes;
  return *this;
}
AgentBuilder& AgentBuilder::gpus(std::int64_t count) {
  hello_.info.capacity.gpus = count;
  return *this;
}
AgentBuilder& AgentBuilder::resource(const std::string& name, std::int64_t amount) {
  hello_.info.capacity.add(named(name, amount));
  return *this;
}
AgentBuilder& AgentBuilder::label(const std::string& name, const std::string& value) {
  hello_.info.labels[name] = value;
  return *this;
}
AgentBuilder& AgentBuilder::features(std::vector<std::string> names) {
  hello_.info.features = std::move(names);
  return *this;
}
AgentBuilder& AgentBuilder::sandboxes(std::vector<SandboxLevel> levels) {
  hello_.info.sandboxes = std::move(levels);
  return *this;
}
AgentBuilder& AgentBuilder::max_parallel(std::int64_t jobs) {
  hello_.info.max_parallel_jobs = jobs;
  return *this;
}
AgentBuilder& AgentBuilder::instance(const std::string& instance) {
  hello_.info.instance = instance;
  return *this;
}
AgentBuilder& AgentBuilder::incarnation(const std::string& incarnation) {
  hello_.info.incarnation = incarnation;
  return *this;
}
AgentBuilder& AgentBuilder::holds(const AttemptKey& key, bool started, bool finished) {
  hello_.held.push_back({key, started, finished});
  return *this;
}
void AgentBuilder::hello() {
  hello_.link = env_.open_link(hello_.info.id.value());
  env_.send(hello_);
}
void AgentBuilder::join() {
  hello();
  env_.expect_welcome(hello_.info.id.value());
}

}  // namespace hearth::core::testing
