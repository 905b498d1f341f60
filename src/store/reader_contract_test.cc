#include <algorithm>

#include "store/testing/store_contract.h"

namespace hearth::store::testing {
namespace {

std::vector<JobId> ids_of(const Result<std::vector<JobListRow>>& rows) {
  std::vector<JobId> ids;
  for (const JobListRow& row : rows.value()) {
    ids.push_back(row.record.id);
  }
  return ids;
}

TEST_P(StoreContract, ReadsAJobWithSpecAndAttempts) {
  const std::string spec("\0spec\xff", 6);
  const JobId job = build_.submit({.spec = spec});
  build_.assign(job, "a1");
  build_.start(job);
  build_.requeue(job);
  must_append();
  build_.assign(job, "a2");
  build_.start(job);
  build_.end(job, JobState::Failed);
  must_append();
  const auto stored = reader_->job(job).value();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->record, build_.job(job));
  EXPECT_EQ(stored->spec, spec);
  ASSERT_EQ(stored->attempts.size(), 2U);
  EXPECT_EQ(stored->attempts[0].number, 1U);
  EXPECT_EQ(stored->attempts[0].result.reason, Reason::AgentLost);
  EXPECT_EQ(stored->attempts[1].agent, AgentId("a2"));
  EXPECT_EQ(stored->attempts[1].result.exit_code, 1);
  EXPECT_FALSE(reader_->job(JobId(1)).value());
}

TEST_P(StoreContract, ReadsPayloadsAndStatesOfTheJobsItKnows) {
  const JobId first = build_.submit({.spec = "one", .secrets = "s"});
  const JobId second = build_.submit({.spec = ""});
  build_.end(second);
  must_append();
  const auto payloads = reader_->payloads({second, JobId(1), first}).value();
  ASSERT_EQ(payloads.size(), 2U);
  EXPECT_EQ(payloads[0].id, second);
  EXPECT_EQ(payloads[0].spec, "");
  EXPECT_EQ(payloads[1].id, first);
  EXPECT_EQ(payloads[1].spec, "one");
  EXPECT_EQ(payloads[1].secrets, "s");
  const std::map<JobId, JobState> expected = {{first, JobState::Queued},
                                              {second, JobState::Completed}};
  EXPECT_EQ(reader_->states({first, JobId(1), second}).value(), expected);
}

TEST_P(StoreContract, ReadsEventsOfOneJobAndOfAllFromACursor) {
  const JobId first = build_.submit();
  const JobId second = build_.submit();
  build_.assign(first);
  build_.end(second);
  build_.end(first);
  must_append();
  const auto all = reader_->events({}, {}, 100).value();
  ASSERT_EQ(all.size(), 7U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].seq, EventSeq(i + 1));
  }
  EXPECT_EQ(all[0].kind, JobEventKind::Submitted);
  EXPECT_EQ(all[0].after.state, JobState::Submitted);
  EXPECT_EQ(all[6].after, build_.job(first));
  EXPECT_EQ(all[6].at, build_.now());
  EXPECT_EQ(reader_->oldest_event().value(), EventSeq(1));

  const auto page = reader_->events({}, EventSeq(2), 3).value();
  ASSERT_EQ(page.size(), 3U);
  EXPECT_EQ(page.front().seq, EventSeq(3));
  EXPECT_EQ(page.back().seq, EventSeq(5));
  EXPECT_TRUE(reader_->events({}, EventSeq(7), 10)->empty());

  const auto of_first = reader_->events(first, EventSeq(1), 100).value();
  ASSERT_EQ(of_first.size(), 3U);
  EXPECT_EQ(of_first[0].kind, JobEventKind::Queued);
  EXPECT_EQ(of_first[1].kind, JobEventKind::Assigned);
  EXPECT_EQ(of_first[2].kind, JobEventKind::Ended);
  EXPECT_EQ(reader_->events(first, EventSeq(1), 1)->size(), 1U);
  EXPECT_TRUE(reader_->events(JobId(1), {}, 10)->empty());
}

TEST_P(StoreContract, KeepsInlineOutputByteExact) {
  const JobId job = build_.submit();
  build_.assign(job);
  std::string bytes(static_cast<std::size_t>(limits::kOutputInlineBytesMax), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i * 7);
  }
  build_.output(job, StreamKind::Stdout, bytes);
  build_.output(job, StreamKind::Stderr, "");
  build_.end(job);
  must_append();
  EXPECT_EQ(reader_->inline_output(job, 1, StreamKind::Stdout).value(), bytes);
  EXPECT_EQ(reader_->inline_output(job, 1, StreamKind::Stderr).value(), "");
  EXPECT_EQ(reader_->inline_output(job, 2, StreamKind::Stdout).value(), std::nullopt);
}

TEST_P(StoreContract, CountsJobsByState) {
  build_.submit();
  build_.submit();
  build_.assign(build_.submit());
  build_.end(build_.submit(), JobState::Failed);
  const JobId job = build_.submit();
  must_append();
  build_.end(job, JobState::Failed);
  build_.end(build_.submit());
  must_append();
  const std::map<JobState, std::int64_t> expected = {{JobState::Queued, 2},
                                                     {JobState::Assigned, 1},
                                                     {JobState::Completed, 1},
                                                     {JobState::Failed, 2}};
  EXPECT_EQ(reader_->counts().value(), expected);
}

// Every combination of filters against the same filters done by hand.
TEST_P(StoreContract, ListsByAnyCombinationOfFilters) {
  std::map<JobId, JobTraits> traits;
  for (int i = 0; i < 64; ++i) {
    JobTraits one{.queue = (i % 2) == 0 ? "default" : "other",
                  .name = (i % 3) == 0   ? ""
                          : (i % 3) == 1 ? "build"
                                         : "test",
                  .labels = {},
                  .idempotency_key = "",
                  .spec = "spec " + std::to_string(i),
                  .secrets = ""};
    if (i % 4 < 2) {
      one.labels["team"] = i % 8 < 4 ? "core" : "web";
    }
    if (i % 5 == 0) {
      one.labels["urgent"] = "";
    }
    const JobId id = build_.submit(one);
    traits[id] = one;
    if (i % 6 == 0) {
      build_.end(id, JobState::Failed);
    } else if (i % 6 == 1) {
      build_.assign(id);
    }
  }
  must_append();
  const std::vector<std::vector<JobState>> states = {
      {}, {JobState::Failed}, {JobState::Queued, JobState::Failed, JobState::Queued}};
  const std::vector<Labels> labels = {
      {}, {{"team", "core"}}, {{"team", "core"}, {"urgent", ""}}, {{"team", "absent"}}};
  const JobId middle = std::next(traits.begin(), 40)->first;
  for (unsigned mask = 0; mask < 3 * 4 * 2 * 2 * 2 * 2; ++mask) {
    unsigned rest = mask;
    const auto pick = [&rest](unsigned count) {
      const unsigned choice = rest % count;
      rest /= count;
      return choice;
    };
    JobQuery query{.states = states[pick(3)], .labels = labels[pick(4)]};
    query.queue = pick(2) == 0 ? "" : "other";
    query.name = pick(2) == 0 ? "" : "build";
    query.below = pick(2) == 0 ? std::nullopt : std::optional(middle);
    query.limit = pick(2) == 0 ? 5 : 1'000;
    std::vector<JobId> expected;
    for (auto at = traits.rbegin(); at != traits.rend(); ++at) {
      const auto& [id, one] = *at;
      const bool state_fits =
          query.states.empty() || std::ranges::count(query.states, build_.job(id).state) > 0;
      const bool labels_fit = std::ranges::all_of(query.labels, [&](const auto& label) {
        return one.labels.contains(label.first) && one.labels.at(label.first) == label.second;
      });
      if (state_fits && labels_fit && (query.queue.empty() || query.queue == one.queue) &&
          (query.name.empty() || query.name == one.name) && (!query.below || id < *query.below) &&
          std::cmp_less(expected.size(), query.limit)) {
        expected.push_back(id);
      }
    }
    EXPECT_EQ(ids_of(reader_->list(query)), expected) << "combination " << mask;
  }
  const auto rows = reader_->list({.limit = 1}).value();
  EXPECT_EQ(rows.at(0).spec, "spec 63");
  EXPECT_EQ(rows.at(0).record, build_.job(rows.at(0).record.id));
}

TEST_P(StoreContract, PagesAreStableWhileJobsAreAdded) {
  std::vector<JobId> first_ids;
  for (int i = 0; i < 10; ++i) {
    first_ids.push_back(build_.submit());
  }
  must_append();
  std::vector<JobId> seen;
  JobQuery query{.states = {JobState::Queued}, .limit = 3};
  for (;;) {
    const std::vector<JobId> page = ids_of(reader_->list(query));
    if (page.empty()) {
      break;
    }
    seen.insert(seen.end(), page.begin(), page.end());
    query.below = page.back();
    build_.submit();
    must_append();
  }
  std::ranges::reverse(first_ids);
  EXPECT_EQ(seen, first_ids);
}

TEST_P(StoreContract, ListsNothingBelowTheLowestIdOrWithNoLimit) {
  build_.submit();
  must_append();
  EXPECT_TRUE(reader_->list({.below = JobId(0)})->empty());
  EXPECT_TRUE(reader_->list({.limit = 0})->empty());
  EXPECT_TRUE(reader_->events({}, {}, 0)->empty());
}

}  // namespace
}  // namespace hearth::store::testing
