#include "front/rest/batch_reader.h"

#include <algorithm>

#include "base/limits.h"

namespace hearth::rest {

namespace {

Error too_many(std::string_view limit, std::int64_t value, std::string_view what) {
  return limit_exceeded(std::string(limit), value,
                        "the batch has more than " + std::to_string(value) + " " +
                            std::string(what) + "; send it in parts");
}

}  // namespace

BatchReader::BatchReader(BatchFormat format, Accept accept)
    : format_(format),
      accept_(std::move(accept)),
      array_([this](Result<boost::json::value> value) { return take(std::move(value)); },
             limits::kBatchItemBytesMax) {}

Result<> BatchReader::feed(std::string_view bytes) {
  if (format_ == BatchFormat::Array) {
    return array_.feed(bytes);
  }
  for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    const std::string_view part = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      HEARTH_TRY(take_line(part));
    } else {
      line_ += part;
      const std::string line = std::exchange(line_, {});
      HEARTH_TRY(take_line(line));
    }
  }
  line_ += bytes;
  if (static_cast<std::int64_t>(line_.size()) > limits::kBatchItemBytesMax) {
    return too_many("batch_item_bytes_max", limits::kBatchItemBytesMax, "bytes in one line");
  }
  return {};
}

Result<Batch> BatchReader::finish() {
  if (format_ == BatchFormat::Array) {
    HEARTH_TRY(array_.finish());
  } else {
    HEARTH_TRY(take_line(line_));
  }
  return std::move(batch_);
}

Result<> BatchReader::take_line(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
    return {};
  }
  if (static_cast<std::int64_t>(line.size()) > limits::kBatchItemBytesMax) {
    return too_many("batch_item_bytes_max", limits::kBatchItemBytesMax, "bytes in one line");
  }
  return take(net::parse_json(line));
}

Result<> BatchReader::take(Result<boost::json::value> value) {
  if (static_cast<std::int64_t>(batch_.entries.size()) >= limits::kBatchItemsMax) {
    return too_many("batch_items_max", limits::kBatchItemsMax, "items");
  }
  Result<JobRequest> request = value ? read_job_request(*value, RequestKind::BatchItem)
                                     : Result<JobRequest>(std::move(value).error());
  if (!request) {
    batch_.entries.push_back({.error = std::move(request).error()});
    return {};
  }
  return add(std::move(*request));
}

// The items its "@ref"s stand for; an array stands for all its elements.
Result<std::vector<std::pair<std::size_t, DependencyCondition>>> BatchReader::resolve(
    const JobRequest& request) const {
  std::vector<std::pair<std::size_t, DependencyCondition>> indexes;
  for (const RefDependency& dependency : request.after_refs) {
    const auto found = refs_.find(dependency.ref);
    if (found == refs_.end()) {
      return invalid_field(dependency.field, dependency.field + ": no earlier item of the batch " +
                                                 "has the ref '" + dependency.ref + "'");
    }
    const BatchEntry& entry = batch_.entries.at(found->second);
    for (std::size_t i = 0; i < entry.count; ++i) {
      indexes.emplace_back(entry.first + i, dependency.condition);
    }
    if (static_cast<std::int64_t>(indexes.size() + request.spec.scheduling.after.size()) >
        limits::kDependenciesMax) {
      Error error = limit_exceeded("dependencies_max", limits::kDependenciesMax,
                                   "after: more than " + std::to_string(limits::kDependenciesMax) +
                                       " dependencies, counting each element of an array");
      error.field = "after";
      return error;
    }
  }
  return indexes;
}

Result<> BatchReader::add(JobRequest request) {
  BatchEntry entry{.first = batch_.items.size(), .is_array = request.array.has_value()};
  auto after_refs = resolve(request);
  if (auto accepted = accept_(request.spec); !accepted) {
    entry.error = std::move(accepted).error();
  } else if (!after_refs) {
    entry.error = after_refs.error();
  } else if (!request.ref.empty() && refs_.contains(request.ref)) {
    entry.error = invalid_field("ref", "an earlier item has the ref '" + request.ref + "' already");
  }
  if (entry.error) {
    batch_.entries.push_back(std::move(entry));
    return {};
  }
  const std::string ref = request.ref;
  std::vector<JobSpec> specs = expand_array(std::move(request));
  entry.count = specs.size();
  payload_bytes_ += payload_bytes(specs.front()) * static_cast<std::int64_t>(specs.size());
  edges_ += static_cast<std::int64_t>(after_refs->size() * specs.size());
  if (static_cast<std::int64_t>(batch_.items.size() + specs.size()) > limits::kBatchItemsMax) {
    return too_many("batch_items_max", limits::kBatchItemsMax,
                    "jobs, counting each element of an array");
  }
  if (payload_bytes_ > limits::kBatchBodyBytesMax) {
    return too_many("batch_body_bytes_max", limits::kBatchBodyBytesMax,
                    "bytes of commands, scripts, environments and inputs");
  }
  if (edges_ > limits::kBatchEdgesMax) {
    return too_many("batch_edges_max", limits::kBatchEdgesMax, "dependencies inside it");
  }
  for (JobSpec& spec : specs) {
    batch_.items.push_back({.spec = std::move(spec), .after_refs = *after_refs});
  }
  if (!ref.empty()) {
    refs_.emplace(ref, batch_.entries.size());
  }
  batch_.entries.push_back(std::move(entry));
  return {};
}

}  // namespace hearth::rest
