// POST /v1/uploads: an archive for the jobs that will name it.
#include "front/rest/upload_routes.h"

#include <utility>

#include "front/http/answers.h"
#include "net/json_writer.h"
#include "net/problem.h"

namespace hearth::rest {
namespace {

std::string upload_json(const uploads::Upload& upload) {
  std::string body;
  net::JsonWriter json(body);
  json.begin_object()
      .member("id", upload.id)
      .member("files", upload.files)
      .member("bytes", upload.unpacked_bytes)
      .member("archiveBytes", upload.bytes)
      .member("sha256", uploads::to_hex(upload.digest))
      .end_object();
  return body;
}

class UploadSink final : public net::BodySink {
 public:
  UploadSink(uploads::UploadStore& store, std::unique_ptr<uploads::IncomingUpload> incoming)
      : store_(store), incoming_(std::move(incoming)) {}

  Result<> on_data(std::string_view bytes) override { return incoming_->write(bytes); }

  void finish(net::Request /*request*/, net::Responder responder) override {
    store_.keep(std::move(incoming_), [responder](Result<uploads::Upload> kept) {
      if (kept) {
        responder.send(front::json_response(201, upload_json(*kept)));
      } else {
        responder.fail(kept.error());
      }
    });
  }

 private:
  uploads::UploadStore& store_;
  std::unique_ptr<uploads::IncomingUpload> incoming_;
};

}  // namespace

Result<std::unique_ptr<net::BodySink>> make_upload_sink(uploads::UploadStore* store) {
  if (store == nullptr) {
    return Error{.code = ErrorCode::Unimplemented,
                 .message = "this controller keeps no uploads",
                 .kind = "not_supported"};
  }
  HEARTH_ASSIGN(std::unique_ptr<uploads::IncomingUpload> incoming, store->begin());
  return std::unique_ptr<net::BodySink>(std::make_unique<UploadSink>(*store, std::move(incoming)));
}

Result<> check_upload(api::ControllerApi& api, const JobSpec& spec) {
  const std::string& upload = spec.execution.upload;
  if (upload.empty()) {
    return {};
  }
  if (const Result<> there = api.touch_upload(upload); !there) {
    return invalid_field("upload", there.error().message);
  }
  return {};
}

}  // namespace hearth::rest
