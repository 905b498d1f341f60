#include "front/agentlink/fetch_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/upload_limits.h"
#include "uploads/digest.h"
#include "uploads/upload_store.h"
#include "wire/link_codec.h"

namespace hearth::front::agentlink {
namespace {

// What is given out is given back by the destructor.
class FetchStream final : public FetchReactor {
 public:
  FetchStream(StreamDeps& deps, auth::Caller caller, uploads::OpenUpload upload)
      : deps_(deps), caller_(std::move(caller)), upload_(std::move(upload)) {
    piece_.set_bytes(static_cast<std::uint64_t>(upload_.upload.bytes));
    piece_.set_sha256(uploads::to_bytes(upload_.upload.digest));
    write_next();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
      return;
    }
    count(deps_.counts.upload_bytes_sent, piece_.data().size());
    piece_.Clear();
    if (sent_ == upload_.upload.bytes) {
      Finish(grpc::Status::OK);
      return;
    }
    write_next();
  }

  void OnDone() override {
    deps_.counts.fetches.fetch_sub(1);
    LinkTable& table = deps_.table;
    delete this;
    table.stream_closed();
  }

 private:
  void write_next() {
    if (!deps_.gate.holds(caller_)) {
      Finish({grpc::StatusCode::UNAUTHENTICATED, "the agent's token was revoked or has expired"});
      return;
    }
    const std::int64_t left = upload_.upload.bytes - sent_;
    std::string& data = *piece_.mutable_data();
    data.resize(static_cast<std::size_t>(std::min(left, limits::kUploadPieceBytesMax)));
    ssize_t got = 0;
    do {
      got = ::pread(upload_.file.get(), data.data(), data.size(), sent_);
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (got == 0 && left > 0)) {
      Finish({grpc::StatusCode::UNAVAILABLE,
              "the controller cannot read the upload \"" + upload_.upload.id + "\""});
      return;
    }
    data.resize(static_cast<std::size_t>(got));
    sent_ += got;
    StartWrite(&piece_);
  }

  StreamDeps& deps_;
  const auth::Caller caller_;
  const uploads::OpenUpload upload_;
  v1::UploadPiece piece_;
  std::int64_t sent_ = 0;
};

class RefusedStream final : public FetchReactor {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

Result<uploads::OpenUpload> open(StreamDeps& deps, const auth::Caller& caller,
                                 const std::string& peer, const v1::UploadRequest& request) {
  const AgentId agent(request.agent());
  HEARTH_TRY(deps.gate.check_agent(caller, peer, "FetchUpload", agent.value()));
  if (!deps.table.holds(request.link(), agent)) {
    return unavailable("link " + std::to_string(request.link()) + " of agent \"" + agent.value() +
                       "\" is not open; connect the control stream first");
  }
  return deps.api.open_upload(agent, wire::to_model(request.key()), request.upload());
}

// True: one more, which has to be counted out again.
bool begin_fetch(StreamDeps& deps) {
  if (deps.counts.fetches.fetch_add(1) < deps.options.fetches_max) {
    return true;
  }
  deps.counts.fetches.fetch_sub(1);
  deps.counts.refused.count("kUploadFetchesMax");
  return false;
}

}  // namespace

FetchReactor* open_fetch_stream(StreamDeps& deps, grpc::CallbackServerContext& context,
                                const v1::UploadRequest& request) {
  Result<auth::Caller> caller = deps.gate.admit(context, "FetchUpload");
  if (!caller) {
    return new RefusedStream(status_of(caller.error()));
  }
  if (!deps.table.stream_opened()) {
    deps.counts.refused.count("kLinkStreamsMax");
    return new RefusedStream({grpc::StatusCode::RESOURCE_EXHAUSTED,
                              "this controller has too many connections (kLinkStreamsMax)"});
  }
  if (!begin_fetch(deps)) {
    deps.table.stream_closed();
    return new RefusedStream({grpc::StatusCode::RESOURCE_EXHAUSTED,
                              "this controller sends too many uploads now (kUploadFetchesMax)"});
  }
  Result<uploads::OpenUpload> upload =
      open(deps, *caller, address_of_peer(context.peer()), request);
  if (!upload) {
    deps.counts.fetches.fetch_sub(1);
    deps.table.stream_closed();
    return new RefusedStream(status_of(upload.error()));
  }
  return new FetchStream(deps, std::move(*caller), std::move(*upload));
}

}  // namespace hearth::front::agentlink
