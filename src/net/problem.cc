#include "net/problem.h"

#include <array>

#include "base/limit_counts.h"
#include "net/json_writer.h"

namespace hearth::net {

namespace {

struct CodeRow {
  ErrorCode code;
  std::string_view kind;
};

// What an error without a kind of its own is called.
constexpr std::array<CodeRow, 17> kByErrorCode = {{
    {ErrorCode::Ok, "internal"},
    {ErrorCode::Cancelled, "internal"},
    {ErrorCode::Unknown, "internal"},
    {ErrorCode::InvalidArgument, "invalid_request"},
    {ErrorCode::DeadlineExceeded, "request_timeout"},
    {ErrorCode::NotFound, "not_found"},
    {ErrorCode::AlreadyExists, "conflict"},
    {ErrorCode::PermissionDenied, "forbidden"},
    {ErrorCode::ResourceExhausted, "rate_limited"},
    {ErrorCode::FailedPrecondition, "conflict"},
    {ErrorCode::Aborted, "conflict"},
    {ErrorCode::OutOfRange, "invalid_request"},
    {ErrorCode::Unimplemented, "not_supported"},
    {ErrorCode::Internal, "internal"},
    {ErrorCode::Unavailable, "storage_unavailable"},
    {ErrorCode::DataLoss, "internal"},
    {ErrorCode::Unauthenticated, "unauthenticated"},
}};

const ProblemKind& kind_of(const Error& error) {
  const std::vector<ProblemKind>& kinds = problem_kinds();
  for (const ProblemKind& kind : kinds) {
    if (kind.code == error.kind) {
      return kind;
    }
  }
  const auto index = static_cast<std::size_t>(error.code);
  const std::string_view code = index < kByErrorCode.size() ? kByErrorCode.at(index).kind : "";
  for (const ProblemKind& kind : kinds) {
    if (kind.code == code) {
      return kind;
    }
  }
  return kinds.back();
}

}  // namespace

const std::vector<ProblemKind>& problem_kinds() {
  static const std::vector<ProblemKind> kinds = {
      {"invalid_json", 400, "The body is not valid JSON"},
      {"invalid_field", 400, "A field has a value that is not allowed"},
      {"unknown_field", 400, "A field is not known"},
      {"invalid_request", 400, "The request is malformed"},
      {"unauthenticated", 401, "Who asks is not known"},
      {"forbidden", 403, "This is not allowed"},
      {"not_found", 404, "There is no such thing"},
      {"method_not_allowed", 405, "The method is not offered here"},
      {"request_timeout", 408, "The request took too long to arrive"},
      {"conflict", 409, "This does not fit the present state"},
      {"not_finished", 409, "The job has not ended"},
      {"too_large", 413, "A limit on size was passed"},
      {"unsupported_media_type", 415, "The content type is not taken here"},
      {"infeasible", 422, "No agent could ever run this"},
      {"not_supported", 422, "This version cannot do this"},
      {"sandbox_unavailable", 422, "No agent offers this sandbox level"},
      {"archive_refused", 422, "The archive is refused"},
      {"queue_full", 429, "The queue is full"},
      {"rate_limited", 429, "Too much at once"},
      {"draining", 503, "The server is stopping"},
      {"storage_unavailable", 503, "The store cannot be written"},
      {"internal", 500, "Hearth failed"},
  };
  return kinds;
}

std::string_view problem_code(const Error& error) {
  return kind_of(error).code;
}

int problem_status(const Error& error) {
  return kind_of(error).status;
}

std::string problem_json(const Error& error, int status) {
  const ProblemKind& kind = kind_of(error);
  std::string body;
  JsonWriter json(body);
  json.begin_object()
      .member("type", "urn:hearth:problem:" + std::string(kind.code))
      .member("title", kind.title)
      .member("status", static_cast<std::int64_t>(status == 0 ? kind.status : status))
      .member("code", kind.code)
      .member("detail", error.message);
  if (!error.field.empty()) {
    json.member("field", error.field);
  }
  if (!error.limit.empty()) {
    json.member("limit", outside_limit_name(error.limit)).member("limitValue", error.limit_value);
  }
  json.end_object();
  return body;
}

Response problem_response(const Error& error, int status) {
  Response response;
  response.status = status == 0 ? problem_status(error) : status;
  response.content_type = "application/problem+json";
  response.body = problem_json(error, response.status);
  response.limit = outside_limit_name(error.limit);
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

}  // namespace hearth::net
