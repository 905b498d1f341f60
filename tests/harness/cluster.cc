#include "tests/harness/cluster.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/clock.h"

namespace hearth::harness {

namespace {

constexpr Duration kRequestPatience{20'000};
constexpr Duration kEventPatience{200};
constexpr Duration kLookAgain{20};

std::string field(const std::string& line, const std::string& name) {
  const std::size_t at = line.find(name + "=");
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t start = at + name.size() + 1;
  return line.substr(start, line.find(' ', start) - start);
}

Answer to_answer(const Result<client::HttpResponse>& response) {
  Answer answer;
  if (!response) {
    answer.raw = response.error().message;
    return answer;
  }
  answer.status = response->status;
  answer.raw = response->body;
  answer.headers = response->headers;
  boost::system::error_code failed;
  answer.body = json::parse(response->body, failed);
  return answer;
}

bool has_ended(const json::object& job) {
  const std::string state = text(job, "state");
  return state == "COMPLETED" || state == "FAILED" || state == "CANCELLED" || state == "TIMED_OUT";
}

// A pause without a sleep: nothing is ever readable on it.
void pause_for(Duration duration) {
  ::poll(nullptr, 0, static_cast<int>(duration.count()));
}

}  // namespace

std::string text(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::int64_t number(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

std::string program_path(const std::string& name) {
  if (const char* folder = ::getenv("HEARTH_BIN_DIR"); folder != nullptr) {
    return std::string(folder) + "/" + name;
  }
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

ClusterTest::ClusterTest() : http_(http_port_.address()), grpc_(grpc_port_.address()) {}

ClusterTest::~ClusterTest() {
  if (HasFailure()) {
    for (const auto& program : programs_) {
      std::cerr << "--- stderr of pid " << program->pid() << " ---\n" << program->err();
    }
  }
  while (!programs_.empty()) {
    programs_.pop_back();
  }
}

client::Endpoint ClusterTest::endpoint() const {
  auto endpoint = client::parse_endpoint(http_, tls_);
  EXPECT_TRUE(endpoint) << endpoint.error().message;
  return endpoint ? std::move(*endpoint) : client::Endpoint{};
}

client::HttpRequest ClusterTest::with_token(client::HttpRequest request) const {
  if (!token_.empty()) {
    request.headers["Authorization"] = "Bearer " + token_;
  }
  return request;
}

Program& ClusterTest::keep_ready(std::vector<std::string> arguments) {
  programs_.push_back(start(std::move(arguments), {.environment = environment_}));
  return *programs_.back();
}

std::unique_ptr<Program> ClusterTest::start(std::vector<std::string> arguments,
                                            Program::Options options) {
  arguments.insert(arguments.begin(), program_path("hearth"));
  options.environment.emplace("HEARTH_URL",
                              (tls_.authority.empty() ? "http://" : "https://") + http_);
  if (!tls_.authority.empty()) {
    options.environment.emplace("HEARTH_CA", tls_.authority);
  }
  if (!token_.empty()) {
    options.environment.emplace("HEARTH_TOKEN", token_);
  }
  if (options.directory.empty()) {
    options.directory = scratch();
  }
  return std::make_unique<Program>(scratch(), std::move(arguments), std::move(options));
}

Program& ClusterTest::start_up(const std::vector<std::string>& flags, const std::string& data) {
  std::vector<std::string> arguments = {"up",  "--data", scratch(data), "--http",
                                        http_, "--grpc", grpc_};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Program& program = keep_ready(std::move(arguments));
  const std::string line = program.wait_for_line("hearth ready ");
  http_ = field(line, "http");
  grpc_ = field(line, "grpc");
  return program;
}

Program& ClusterTest::start_controller(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {
      "controller", "--data", scratch("controller"), "--http", http_, "--grpc", grpc_};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  controller_flags_ = flags;
  controller_ = &keep_ready(std::move(arguments));
  const std::string line = controller_->wait_for_line("hearth ready ");
  // At a restart they are what they were, and other threads may be reading them.
  if (line.empty()) {
    return *controller_;  // the test has failed
  }
  if (field(line, "http") != http_ || field(line, "grpc") != grpc_) {
    http_ = field(line, "http");
    grpc_ = field(line, "grpc");
  }
  return *controller_;
}

void ClusterTest::stop_controller() {
  kill_now(*controller_);
}

Program& ClusterTest::restart_controller() {
  stop_controller();
  forget(*controller_);
  return start_controller(controller_flags_);
}

void ClusterTest::forget(Program& program) {
  std::erase_if(programs_, [&program](const auto& kept) { return kept.get() == &program; });
}

Program& ClusterTest::start_agent(const std::string& id, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"agent",  "--controller",        grpc_, "--id", id,
                                        "--data", scratch("agent-" + id)};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Program& program = keep_ready(std::move(arguments));
  program.wait_for_line("hearth agent ready ");
  return program;
}

Exit ClusterTest::hearth(std::vector<std::string> arguments, Program::Options options,
                         Duration patience) {
  return start(std::move(arguments), std::move(options))->wait(patience);
}

void ClusterTest::kill_now(Program& program) {
  program.signal(SIGKILL);
  program.wait();
}

Answer ClusterTest::get(const std::string& target,
                        const std::map<std::string, std::string>& headers) {
  client::HttpClient client(endpoint());
  return to_answer(
      client.request(with_token({.target = target, .headers = headers}), kRequestPatience));
}

Answer ClusterTest::post(const std::string& target, const std::string& body,
                         const std::string& content_type) {
  client::HttpClient client(endpoint());
  return to_answer(client.request(
      with_token({.method = "POST", .target = target, .body = body, .content_type = content_type}),
      kRequestPatience));
}

std::string ClusterTest::submit(const json::object& body) {
  const Answer answer = post("/v1/jobs", json::serialize(body));
  EXPECT_EQ(answer.status, 201) << answer.raw;
  return answer.body.is_object() ? text(answer.body.as_object(), "id") : "";
}

json::object ClusterTest::job(const std::string& id) {
  const Answer answer = get("/v1/jobs/" + id);
  return answer.status == 200 && answer.body.is_object() ? answer.body.as_object() : json::object();
}

void ClusterTest::wait_on_events(const std::string& target, const std::function<bool()>& holds,
                                 const std::string& what, Duration patience) {
  SystemClock clock;
  const std::int64_t deadline_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(patience).count();
  client::HttpClient client(endpoint());
  auto stream = client.stream(with_token({.target = target}), kRequestPatience);
  while (!holds()) {
    if (clock.monotonic_ns() > deadline_ns) {
      ADD_FAILURE() << "waited " << patience.count() << " ms in vain for " << what;
      return;
    }
    std::string ignored;
    if (!stream || stream->done() || !stream->read(ignored, kEventPatience)) {
      pause_for(kEventPatience);
      stream = client.stream(with_token({.target = target}), kRequestPatience);
    }
  }
}

json::object ClusterTest::wait_for_job(const std::string& id,
                                       const std::function<bool(const json::object&)>& wanted,
                                       Duration patience) {
  json::object found;
  wait_on_events(
      "/v1/jobs/" + id + "/events",
      [&] {
        found = job(id);
        return !found.empty() && wanted(found);
      },
      "job " + id, patience);
  if (HasFailure()) {
    ADD_FAILURE() << "the job: " << json::serialize(found);
  }
  return found;
}

json::object ClusterTest::wait_ended(const std::string& id, Duration patience) {
  return wait_for_job(id, has_ended, patience);
}

json::object ClusterTest::wait_state(const std::string& id, const std::string& state,
                                     Duration patience) {
  return wait_for_job(
      id, [&state](const json::object& found) { return text(found, "state") == state; }, patience);
}

std::string ClusterTest::output(const std::string& id, const std::string& stream) {
  return get("/v1/jobs/" + id + "/output?stream=" + stream + "&offset=0").raw;
}

void ClusterTest::wait_agents(const std::function<bool(const json::array&)>& wanted,
                              Duration patience) {
  wait_on_events(
      "/v1/events",
      [&] {
        const Answer answer = get("/v1/agents");
        return answer.status == 200 && wanted(answer.body.as_object().at("agents").as_array());
      },
      "the agents", patience);
}

void ClusterTest::wait_until(const std::function<bool()>& holds, const std::string& what,
                             Duration patience) {
  SystemClock clock;
  const std::int64_t deadline_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(patience).count();
  while (!holds()) {
    if (clock.monotonic_ns() > deadline_ns) {
      ADD_FAILURE() << "waited " << patience.count() << " ms in vain for " << what;
      return;
    }
    pause_for(kLookAgain);
  }
}

void ClusterTest::wait_lines(const std::string& path, std::size_t lines, Duration patience) {
  SystemClock clock;
  const std::int64_t deadline_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(patience).count();
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  ::inotify_add_watch(watch.get(), folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
  for (;;) {
    std::ifstream in(path);
    const auto count = static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
    if (count >= lines) {
      return;
    }
    const std::int64_t left_ms = (deadline_ns - clock.monotonic_ns()) / 1'000'000;
    if (left_ms <= 0) {
      ADD_FAILURE() << path << " has " << count << " lines, not " << lines;
      return;
    }
    pollfd changed{watch.get(), POLLIN, 0};
    ::poll(&changed, 1, static_cast<int>(left_ms));
    char drained[4096];
    while (::read(watch.get(), drained, sizeof(drained)) > 0) {
    }
  }
}

}  // namespace hearth::harness
