// POST /v1/jobs:batch: a JSON array or NDJSON of jobs, read as it arrives.
//
// Pure. Items are checked one by one; a bad one becomes its own error and takes nothing else with
// it, except those that name it by "@ref". Only what cannot be gone past fails the whole: broken
// JSON inside an array, or a limit on the batch itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/controller_api.h"
#include "front/rest/job_request.h"
#include "net/json_reader.h"

namespace hearth::rest {

// Which of Batch::items one line or element became; `error` when it became none.
struct BatchEntry {
  std::size_t first = 0;
  std::size_t count = 0;
  bool is_array = false;
  std::optional<Error> error;
};

struct Batch {
  std::vector<api::SubmitRequestItem> items;
  std::vector<BatchEntry> entries;  // in the order they came
};

enum class BatchFormat { Array, Lines };

class BatchReader {
 public:
  // `accept` may refuse an item for what the codec does not know.
  using Accept = std::function<Result<>(const JobSpec&)>;
  BatchReader(BatchFormat format, Accept accept);

  Result<> feed(std::string_view bytes);
  Result<Batch> finish();

 private:
  Result<> take(Result<boost::json::value> value);
  Result<> take_line(std::string_view line);
  Result<> add(JobRequest request);
  Result<std::vector<std::pair<std::size_t, DependencyCondition>>> resolve(
      const JobRequest& request) const;

  BatchFormat format_;
  Accept accept_;
  Batch batch_;
  std::map<std::string, std::size_t> refs_;  // name -> index of its entry
  std::int64_t payload_bytes_ = 0;
  std::int64_t edges_ = 0;
  std::string line_;
  net::JsonArrayReader array_;
};

}  // namespace hearth::rest
