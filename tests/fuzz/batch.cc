// Batches as lines and as one array, streamed: the pieces they come in change nothing, and no more
// is taken than the limits say.
#include <string>

#include "front/rest/batch_reader.h"
#include "fuzz.h"
#include "wire/job_codec.h"

namespace hearth::fuzz {
namespace {

using rest::Batch;
using rest::BatchFormat;
using rest::BatchReader;

Result<Batch> read(BatchFormat format, const Pieces& pieces) {
  BatchReader reader(format, [](const JobSpec&) { return Result<>(); });
  for (const std::string_view piece : pieces) {
    HEARTH_TRY(reader.feed(piece));
  }
  return reader.finish();
}

void check_batch(const Batch& batch) {
  HEARTH_CHECK(static_cast<std::int64_t>(batch.items.size()) <= limits::kBatchItemsMax &&
                   static_cast<std::int64_t>(batch.entries.size()) <= limits::kBatchItemsMax,
               "batch_items_max");
  std::size_t next = 0;
  std::size_t edges = 0;
  for (const rest::BatchEntry& entry : batch.entries) {
    if (entry.error) {
      check_says_why(*entry.error);
      HEARTH_CHECK(entry.count == 0, "a broken entry became an item");
      continue;
    }
    HEARTH_CHECK(entry.first == next && entry.count >= 1, "items are not in the entries' order");
    next += entry.count;
  }
  HEARTH_CHECK(next == batch.items.size(), "an item of no entry");
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    for (const auto& [index, condition] : batch.items[i].after_refs) {
      HEARTH_CHECK(index < i, "a reference to a later item");
    }
    edges += batch.items[i].after_refs.size();
  }
  HEARTH_CHECK(static_cast<std::int64_t>(edges) <= limits::kBatchEdgesMax, "batch_edges_max");
}

std::string story_of(const Result<Batch>& batch) {
  if (!batch) {
    check_says_why(batch.error());
    // The byte at which a character is seen to be broken depends on where it was cut.
    const bool is_json = batch.error().kind == "invalid_json";
    return batch.error().kind + " " + batch.error().field + " " + batch.error().limit + " " +
           (is_json ? "" : batch.error().message);
  }
  check_batch(*batch);
  std::string story;
  for (const rest::BatchEntry& entry : batch->entries) {
    story += std::to_string(entry.count);
    story += entry.error ? entry.error->field + ": " + entry.error->message + "\n" : "\n";
  }
  if (batch->items.size() <= 100) {
    for (const auto& item : batch->items) {
      story += wire::encode_job_spec(item.spec);
      for (const auto& [index, condition] : item.after_refs) {
        story += std::to_string(index) + std::string(to_string(condition));
      }
    }
  }
  return story;
}

void check(BatchFormat format, std::string_view input) {
  const std::string whole = story_of(read(format, {input}));
  check_same(whole, story_of(read(format, cut_at_random(input))));
  if (input.size() < 512) {
    check_same(whole, story_of(read(format, cut_into_bytes(input))));
  }
}

}  // namespace

bool run(std::string_view input) {
  check(BatchFormat::Array, input);
  check(BatchFormat::Lines, input);
  return true;
}

}  // namespace hearth::fuzz
