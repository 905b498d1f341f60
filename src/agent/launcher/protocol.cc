#include "agent/launcher/protocol.h"

#include <algorithm>
#include <concepts>
#include <optional>
#include <utility>

namespace hearth::agent::protocol {
namespace {

constexpr std::uint8_t kVersion = 2;

enum class Kind : std::uint8_t { Spawn = 1, Signal = 2, Attached = 3, Spawned = 4, Exited = 5 };

class Writer {
 public:
  explicit Writer(Kind kind) {
    put(kVersion);
    put(static_cast<std::uint8_t>(kind));
  }

  void put(bool value) { put(static_cast<std::uint8_t>(value ? 1 : 0)); }
  template <std::integral T>
  void put(T value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes_.push_back(static_cast<char>(rest & 0xffU));
      rest >>= 8U;
    }
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  void put(const std::vector<std::string>& texts) {
    put(static_cast<std::uint32_t>(texts.size()));
    for (const std::string& text : texts) {
      put(text);
    }
  }
  template <std::integral T>
  void put(const std::optional<T>& value) {
    put(static_cast<std::uint8_t>(value.has_value()));
    put(value.value_or(0));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads in the order written; after the first thing that does not fit everything is zero or empty
// and complete() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <std::integral T>
  void get(T& value) {
    if (rest_.size() < sizeof(T)) {
      fail();
      value = 0;
      return;
    }
    std::uint64_t sum = 0;
    for (std::size_t i = sizeof(T); i > 0; --i) {
      sum = (sum << 8U) | static_cast<unsigned char>(rest_[i - 1]);
    }
    rest_.remove_prefix(sizeof(T));
    value = static_cast<T>(sum);
  }
  void get(bool& value) {
    std::uint8_t raw = 0;
    get(raw);
    value = raw == 1;
    if (raw > 1) {
      fail();
    }
  }
  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    if (size > rest_.size()) {
      fail();
      return;
    }
    text.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
    if (text.find('\0') != std::string::npos) {
      fail();
    }
  }
  void get(std::vector<std::string>& texts) {
    std::uint32_t count = 0;
    get(count);
    if (count > rest_.size() / sizeof(std::uint32_t)) {
      fail();  // each takes its length at least: this bounds what is allocated
      return;
    }
    texts.resize(count);
    for (std::string& text : texts) {
      get(text);
    }
  }
  template <std::integral T>
  void get(std::optional<T>& value) {
    bool present = false;
    T raw = 0;
    get(present);
    get(raw);
    value = present ? std::optional<T>(raw) : std::nullopt;
  }
  [[nodiscard]] bool complete() const { return !failed_ && rest_.empty(); }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

constexpr std::uint8_t kHasStdin = 1;
constexpr std::uint8_t kHasStdout = 2;
constexpr std::uint8_t kHasStderr = 4;
constexpr std::uint8_t kHasUpload = 8;

Error malformed() {
  return invalid_argument("a packet between the agent and hearth-launcher is malformed");
}

Result<Kind> read_kind(Reader& reader) {
  std::uint8_t version = 0;
  std::uint8_t kind = 0;
  reader.get(version);
  reader.get(kind);
  if (version != kVersion) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "hearth-launcher speaks protocol " + std::to_string(version) +
                            ", this agent " + std::to_string(kVersion) +
                            "; install both from the same build"};
  }
  return static_cast<Kind>(kind);
}

bool holds_nul(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.find('\0') != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::uint8_t streams_of(const SpawnRequest& request) {
  return static_cast<std::uint8_t>(
      (request.stdin_fd >= 0 ? kHasStdin : 0) | (request.stdout_fd >= 0 ? kHasStdout : 0) |
      (request.stderr_fd >= 0 ? kHasStderr : 0) |
      (request.sandbox && request.sandbox->upload_fd >= 0 ? kHasUpload : 0));
}

void write_sandbox(Writer& writer, const SandboxPlan& plan) {
  writer.put(plan.id_base);
  writer.put(plan.uid);
  writer.put(plan.gid);
  writer.put(plan.image_root);
  writer.put(plan.read_only_paths);
  writer.put(plan.network);
  writer.put(plan.open_files);
  writer.put(plan.processes);
  writer.put(plan.file_bytes);
  writer.put(plan.cpu_seconds);
}

SandboxPlan read_sandbox(Reader& reader) {
  SandboxPlan plan;
  reader.get(plan.id_base);
  reader.get(plan.uid);
  reader.get(plan.gid);
  reader.get(plan.image_root);
  reader.get(plan.read_only_paths);
  reader.get(plan.network);
  reader.get(plan.open_files);
  reader.get(plan.processes);
  reader.get(plan.file_bytes);
  reader.get(plan.cpu_seconds);
  return plan;
}

SpawnRequest read_spawn(Reader& reader) {
  SpawnRequest request;
  std::uint8_t streams = 0;
  std::uint8_t extras = 0;
  bool sandboxed = false;
  reader.get(request.id);
  reader.get(request.command);
  reader.get(request.env);
  reader.get(request.cwd);
  reader.get(request.join_paths);
  reader.get(request.kill_paths);
  reader.get(request.uid);
  reader.get(request.gid);
  reader.get(streams);
  reader.get(extras);
  reader.get(sandboxed);
  if (sandboxed) {
    request.sandbox = read_sandbox(reader);
  }
  int place = 0;
  request.stdin_fd = (streams & kHasStdin) != 0 ? place++ : -1;
  request.stdout_fd = (streams & kHasStdout) != 0 ? place++ : -1;
  request.stderr_fd = (streams & kHasStderr) != 0 ? place++ : -1;
  for (int i = 0; i < extras; ++i) {
    request.extra_fds.push_back(place++);
  }
  if (sandboxed) {
    request.sandbox->scratch_fd = place++;
    request.sandbox->upload_fd = (streams & kHasUpload) != 0 ? place++ : -1;
  }
  return request;
}

// What both sides hold a request to, beyond its form.
Result<> check_request(const SpawnRequest& request) {
  if (request.command.empty() || request.command.front().empty()) {
    return invalid_argument("the command to start is empty");
  }
  if (std::ssize(request.extra_fds) > limits::kExtraDescriptorsMax) {
    return limit_exceeded("kExtraDescriptorsMax", limits::kExtraDescriptorsMax,
                          "the program to start would get too many descriptors");
  }
  if (request.sandbox) {
    if (request.uid || request.gid) {
      return invalid_argument("a sandboxed program has its own user; run_as cannot be given");
    }
    if (request.sandbox->scratch_fd < 0) {
      return invalid_argument("a sandbox needs a scratch to put /work on");
    }
    HEARTH_TRY(validate(*request.sandbox));
  }
  return {};
}

}  // namespace

std::vector<int> descriptors_of(const SpawnRequest& request) {
  std::vector<int> fds;
  const auto add = [&fds](int fd) {
    if (fd >= 0) {
      fds.push_back(fd);
    }
  };
  add(request.stdin_fd);
  add(request.stdout_fd);
  add(request.stderr_fd);
  fds.insert(fds.end(), request.extra_fds.begin(), request.extra_fds.end());
  if (request.sandbox) {
    add(request.sandbox->scratch_fd);
    add(request.sandbox->upload_fd);
  }
  return fds;
}

Result<std::string> encode(const SpawnRequest& request) {
  HEARTH_TRY(check_request(request));
  if (holds_nul(request.command) || holds_nul(request.env) || holds_nul({request.cwd}) ||
      holds_nul(request.join_paths) || holds_nul(request.kill_paths) ||
      (request.sandbox &&
       (holds_nul({request.sandbox->image_root}) || holds_nul(request.sandbox->read_only_paths)))) {
    return invalid_argument("the command, its environment or a path holds a NUL byte");
  }
  if (std::any_of(request.extra_fds.begin(), request.extra_fds.end(),
                  [](int fd) { return fd < 0; })) {
    return invalid_argument("a descriptor for the program to start is not open");
  }
  Writer writer(Kind::Spawn);
  writer.put(request.id);
  writer.put(request.command);
  writer.put(request.env);
  writer.put(request.cwd);
  writer.put(request.join_paths);
  writer.put(request.kill_paths);
  writer.put(request.uid);
  writer.put(request.gid);
  writer.put(streams_of(request));
  writer.put(static_cast<std::uint8_t>(request.extra_fds.size()));
  writer.put(request.sandbox.has_value());
  if (request.sandbox) {
    write_sandbox(writer, *request.sandbox);
  }
  std::string packet = writer.take();
  if (packet.size() > kMessageBytesMax) {
    return limit_exceeded("kMessageBytesMax", kMessageBytesMax,
                          "command and environment are too large to start a process with");
  }
  return packet;
}

std::string encode(const SignalOrder& order) {
  Writer writer(Kind::Signal);
  writer.put(order.id);
  writer.put(order.signal_number);
  return writer.take();
}

std::string encode(const Attached& attached) {
  Writer writer(Kind::Attached);
  writer.put(attached.bytes);
  return writer.take();
}

std::string encode(const SpawnOutcome& outcome) {
  Writer writer(Kind::Spawned);
  writer.put(outcome.id);
  writer.put(outcome.pid);
  writer.put(static_cast<std::uint8_t>(outcome.reason));
  writer.put(outcome.sys_errno);
  writer.put(outcome.message);
  return writer.take();
}

std::string encode(const ExitOutcome& outcome) {
  Writer writer(Kind::Exited);
  writer.put(outcome.id);
  writer.put(outcome.exit_code);
  writer.put(outcome.signal);
  writer.put(outcome.cpu_us);
  writer.put(outcome.max_rss_bytes);
  return writer.take();
}

Result<ToHelper> decode_to_helper(std::string_view packet) {
  Reader reader(packet);
  HEARTH_ASSIGN(const Kind kind, read_kind(reader));
  ToHelper message;
  if (kind == Kind::Spawn) {
    message = read_spawn(reader);
  } else if (kind == Kind::Signal) {
    SignalOrder order;
    reader.get(order.id);
    reader.get(order.signal_number);
    message = order;
  } else if (kind == Kind::Attached) {
    Attached attached;
    reader.get(attached.bytes);
    message = attached;
  } else {
    return malformed();
  }
  if (!reader.complete()) {
    return malformed();
  }
  if (const auto* spawn = std::get_if<SpawnRequest>(&message);
      spawn != nullptr && !check_request(*spawn)) {
    return malformed();
  }
  if (const auto* attached = std::get_if<Attached>(&message);
      attached != nullptr && attached->bytes > kMessageBytesMax) {
    return malformed();
  }
  return message;
}

Result<FromHelper> decode_from_helper(std::string_view packet) {
  Reader reader(packet);
  HEARTH_ASSIGN(const Kind kind, read_kind(reader));
  FromHelper message;
  if (kind == Kind::Spawned) {
    SpawnOutcome outcome;
    std::uint8_t reason = 0;
    reader.get(outcome.id);
    reader.get(outcome.pid);
    reader.get(reason);
    reader.get(outcome.sys_errno);
    reader.get(outcome.message);
    if (reason >= kReasonCount) {
      return malformed();
    }
    outcome.reason = static_cast<Reason>(reason);
    message = std::move(outcome);
  } else if (kind == Kind::Exited) {
    ExitOutcome outcome;
    reader.get(outcome.id);
    reader.get(outcome.exit_code);
    reader.get(outcome.signal);
    reader.get(outcome.cpu_us);
    reader.get(outcome.max_rss_bytes);
    message = outcome;
  } else {
    return malformed();
  }
  if (!reader.complete()) {
    return malformed();
  }
  return message;
}

}  // namespace hearth::agent::protocol
