// GET /v1/jobs/{id}/results: the files that an attempt left.
#include <algorithm>
#include <array>
#include <optional>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "archive/tar_index.h"
#include "base/upload_limits.h"
#include "front/rest/output_source.h"
#include "front/rest/routes.h"
#include "model/relative_path.h"
#include "net/json_writer.h"

namespace hearth::rest {
namespace {

constexpr std::array<std::string_view, 2> kListParameters = {"attempt", "list"};
constexpr std::array<std::string_view, 1> kFileParameters = {"attempt"};

// The results of one attempt, complete and without a gap.
struct Results {
  JobId job;
  std::uint32_t attempt = 0;
  std::int64_t size = 0;
};

Result<Results> find_results(api::ControllerApi& api, const Call& call) {
  const auto id = parse_job_id(call.parameters.front());
  if (!id) {
    return no_such_job(call.parameters.front());
  }
  HEARTH_ASSIGN(const auto number, integer_parameter(call.query, "attempt", 1, UINT32_MAX));
  HEARTH_ASSIGN(const JobView job, api.get(*id));
  const auto wanted = static_cast<std::uint32_t>(number.value_or(job.record.attempt));
  const auto attempt = std::ranges::find(job.attempts, wanted, &Attempt::number);
  const std::string name = "job " + to_string(*id);
  if (attempt == job.attempts.end()) {
    return not_found(name + " has no attempt " + std::to_string(wanted));
  }
  if (!attempt->ended_at) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "attempt " + std::to_string(wanted) + " of " + name +
                            " has not ended; its result files come with its end",
                 .kind = "not_finished"};
  }
  if (attempt->result.results_bytes == 0) {
    return not_found("attempt " + std::to_string(wanted) + " of " + name +
                     " left no result files: name them in 'results' when you submit it");
  }
  // All of it, or none: a tar with a hole is no tar.
  HEARTH_ASSIGN(
      const api::OutputAnswer last,
      api.output(
          {.job = *id, .attempt = wanted, .stream = StreamKind::Results, .offset = 0, .max = 1}));
  const output::OutputSlice& slice = last.slice;
  const bool whole = slice.size == attempt->result.results_bytes && slice.slice.offset == 0 &&
                     slice.size <= limits::kResultsBytesMax;
  if (!whole || (slice.slice.kept_until > 0 && slice.slice.kept_until < slice.size)) {
    return not_found("the result files of " + name +
                     " did not arrive whole from the agent; run it again");
  }
  return Results{.job = *id, .attempt = wanted, .size = slice.size};
}

// Read in larger pieces than a header, since most files are small.
class TarPieces {
 public:
  TarPieces(api::ControllerApi& api, const Results& results) : api_(api), results_(results) {}

  Result<std::string> read(std::int64_t offset, std::int64_t bytes) {
    if (offset < at_ || offset + bytes > at_ + std::ssize(piece_)) {
      HEARTH_ASSIGN(api::OutputAnswer answer, api_.output({.job = results_.job,
                                                           .attempt = results_.attempt,
                                                           .stream = StreamKind::Results,
                                                           .offset = offset,
                                                           .max = std::max(bytes, kPieceBytes)}));
      at_ = answer.slice.slice.offset;
      piece_ = std::move(answer.slice.slice.bytes);
    }
    return at_ > offset ? std::string()
                        : piece_.substr(static_cast<std::size_t>(offset - at_),
                                        static_cast<std::size_t>(bytes));
  }

 private:
  static constexpr std::int64_t kPieceBytes = 64 * limits::kKiB;

  api::ControllerApi& api_;
  const Results& results_;
  std::int64_t at_ = 0;
  std::string piece_;
};

// Agents are not trusted with more than their jobs: of what is not such a tar as they make, through
// and through, nothing is believed.
Result<archive::TarIndex> index_of(api::ControllerApi& api, const Results& results) {
  TarPieces pieces(api, results);
  auto index = archive::read_tar_index(
      results.size,
      [&pieces](std::int64_t offset, std::int64_t bytes) { return pieces.read(offset, bytes); },
      {.files_max = limits::kResultFilesMax, .header_bytes_max = limits::kResultNotesBytesMax});
  if (index && !std::ranges::all_of(index->files, is_path_below, &archive::TarFile::path)) {
    return Error{.code = ErrorCode::DataLoss, .message = "a result file has a path that leads out"};
  }
  return index;
}

// It is hostile content, whatever it is called.
net::Response file_head(const char* type, const Results& results) {
  return {.status = 200,
          .content_type = type,
          .headers = {{"Content-Security-Policy", "sandbox"},
                      {"Content-Disposition", "attachment"},
                      {"Cache-Control", "no-store"},
                      {"Hearth-Attempt", std::to_string(results.attempt)}},
          .body = {}};
}

void send_part(Context& context, const Call& call, const Results& results, net::Response head,
               std::int64_t offset, std::int64_t bytes) {
  const OutputRange range{.job = results.job,
                          .attempt = results.attempt,
                          .stream = StreamKind::Results,
                          .offset = offset,
                          .end = offset + bytes};
  send_stream(context, call, std::move(head),
              make_output_source(context.api, context.hub, range, call.responder.wakeup()), bytes);
}

// What the agent says was left out, as far as it is what it says:
// {"left_out":[{"path","why"}],"more"}.
void write_left_out(net::JsonWriter& json, const std::string& told) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(told, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* list = object == nullptr ? nullptr : object->if_contains("left_out");
  json.key("leftOut").begin_array();
  if (list != nullptr && list->is_array()) {
    for (const boost::json::value& note : list->get_array()) {
      const auto* path = note.is_object() ? note.get_object().if_contains("path") : nullptr;
      const auto* why = note.is_object() ? note.get_object().if_contains("why") : nullptr;
      if (path != nullptr && why != nullptr && path->is_string() && why->is_string()) {
        json.begin_object()
            .member("path", std::string(path->get_string()))
            .member("why", std::string(why->get_string()))
            .end_object();
      }
    }
  }
  json.end_array();
  const auto* more = object == nullptr ? nullptr : object->if_contains("more");
  json.member("leftOutMore", more != nullptr && more->is_int64() ? more->get_int64() : 0);
}

std::string list_json(const Results& results, const archive::TarIndex& index) {
  std::string body;
  net::JsonWriter json(body);
  json.begin_object().member("attempt", results.attempt).member("bytes", results.size);
  json.key("files").begin_array();
  for (const archive::TarFile& file : index.files) {
    json.begin_object().member("path", file.path).member("bytes", file.bytes).end_object();
  }
  json.end_array();
  write_left_out(json, index.comment);
  json.end_object();
  return body;
}

}  // namespace

void get_results(Context& context, Call call) {
  const auto checked = check_names(call.query, kListParameters);
  const auto list = flag_parameter(call.query, "list");
  const auto results = checked && list ? find_results(context.api, call)
                                       : Result<Results>(!checked ? checked.error() : list.error());
  if (!results) {
    call.responder.fail(results.error());
    return;
  }
  if (!*list) {
    send_part(context, call, *results, file_head("application/x-tar", *results), 0, results->size);
    return;
  }
  const auto index = index_of(context.api, *results);
  if (!index) {
    call.responder.fail(index.error());
    return;
  }
  call.responder.send(json_response(200, list_json(*results, *index)));
}

void get_result_file(Context& context, Call call) {
  const auto checked = check_names(call.query, kFileParameters);
  const auto results = checked ? find_results(context.api, call) : Result<Results>(checked.error());
  const auto index =
      results ? index_of(context.api, *results) : Result<archive::TarIndex>(results.error());
  if (!index) {
    call.responder.fail(index.error());
    return;
  }
  const std::string& path = call.parameters.at(1);
  const auto file = std::ranges::find(index->files, path, &archive::TarFile::path);
  if (file == index->files.end()) {
    call.responder.fail(not_found("there is no result file \"" + path.substr(0, 200) +
                                  "\"; the list of them is at /v1/jobs/" + call.parameters.front() +
                                  "/results?list=1"));
    return;
  }
  send_part(context, call, *results, file_head("application/octet-stream", *results), file->offset,
            file->bytes);
}

}  // namespace hearth::rest
