#include "store/sqlite/reader.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include "store/sqlite/database.h"
#include "store/sqlite/list_query.h"
#include "wire/job_codec.h"

namespace hearth::store::sqlite {
namespace {

// In the order of kStatements.
enum class Query : std::uint8_t {
  Begin,
  End,
  Row,
  Attempts,
  Payload,
  Key,
  State,
  AllEvents,
  EventsOfJob,
  OldestEvent,
  OwedCallbacks,
  Output,
  CountLive,
  CountEnded,
  PastSums,
  PastJobs,
  PastEvents,
  NewestEvent,
  NewestEnd,
  Pages,
  FreePages,
  Count,
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Query::Count)> kStatements = {
    "BEGIN",
    "COMMIT",
    "SELECT j.record, p.spec FROM jobs AS j CROSS JOIN payloads AS p "
    "WHERE j.id = ? AND p.job = j.id",
    "SELECT record FROM attempts WHERE job = ? ORDER BY number",
    "SELECT p.spec, s.bytes FROM payloads AS p LEFT JOIN secrets AS s ON s.job = p.job "
    "WHERE p.job = ?",
    "SELECT job FROM idempotency WHERE key = ?",
    "SELECT state FROM jobs WHERE id = ?",
    "SELECT seq, at, kind, record FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
    "SELECT seq, at, kind, record FROM events INDEXED BY events_job "
    "WHERE job = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
    "SELECT events_removed + 1 FROM meta WHERE one = 1",
    "SELECT job FROM callbacks WHERE job > ? ORDER BY job LIMIT ?",
    "SELECT bytes FROM outputs WHERE job = ? AND attempt = ? AND stream = ?",
    "SELECT count(*) FROM jobs INDEXED BY jobs_state WHERE state = ?",
    "SELECT state, jobs FROM ended ORDER BY state",
    "SELECT output_bytes, last_seq - events_removed FROM meta WHERE one = 1",
    "SELECT seq, job, at, output_bytes FROM finished WHERE seq > 0 ORDER BY seq LIMIT ?",
    "SELECT seq, at FROM events WHERE seq > 0 ORDER BY seq LIMIT ?",
    "SELECT at FROM events WHERE seq > 0 ORDER BY seq DESC LIMIT 1",
    "SELECT at FROM finished WHERE seq > 0 ORDER BY seq DESC LIMIT 1",
    "PRAGMA page_count",
    "PRAGMA freelist_count",
};

class SqliteReader final : public Reader {
 public:
  explicit SqliteReader(Database database) : database_(std::move(database)) {}

  Result<> prepare();

  Result<std::optional<StoredJob>> job(JobId id) override;
  Result<std::vector<JobListRow>> list(const JobQuery& query) override;
  Result<std::vector<StoredPayload>> payloads(const std::vector<JobId>& ids) override;
  Result<std::map<std::string, JobId>> find_idempotency_keys(
      const std::vector<std::string>& keys) override;
  Result<std::map<JobId, JobState>> states(const std::vector<JobId>& ids) override;
  Result<std::vector<JobEvent>> events(JobId job, EventSeq after, std::int64_t limit) override;
  Result<EventSeq> oldest_event() override;
  Result<std::vector<JobId>> owed_callbacks(JobId after, std::int64_t limit) override;
  Result<std::optional<std::string>> inline_output(JobId job, std::uint32_t attempt,
                                                   StreamKind stream) override;
  Result<std::map<JobState, std::int64_t>> counts() override;
  Result<Past> past(std::int64_t jobs_max, std::int64_t events_max) override;

 private:
  using RowVisitor = std::function<Result<>(const Statement&)>;

  Statement& statement(Query query) { return statements_.at(static_cast<std::size_t>(query)); }
  // Steps to the end, gives each row to `visit` and resets, on every path.
  Result<> each_row(Statement& statement, const RowVisitor& visit);
  // What `read` reads is of one moment.
  template <class T>
  Result<T> in_snapshot(const std::function<Result<T>()>& read);

  Result<std::int64_t> integer_of(Query query);
  Result<std::optional<JobListRow>> row(JobId id);
  Result<std::vector<JobId>> list_ids(const JobQuery& query);
  Result<Statement*> list_statement(const ListStatement& plan);

  Database database_;
  std::vector<Statement> statements_;
  // As many as there are combinations of filters with an equal number of labels and states.
  std::map<std::string, Statement> list_statements_;
};

constexpr std::size_t kListStatementsMax = 64;

Result<> SqliteReader::prepare() {
  for (const std::string_view sql : kStatements) {
    HEARTH_ASSIGN(Statement statement, database_.prepare(sql));
    statements_.push_back(std::move(statement));
  }
  return {};
}

Result<> SqliteReader::each_row(Statement& statement, const RowVisitor& visit) {
  const StatementUse use(statement);
  int code = SQLITE_OK;
  while ((code = statement.step()) == SQLITE_ROW) {
    HEARTH_TRY(visit(statement));
  }
  if (code != SQLITE_DONE) {
    return database_.error("read");
  }
  return {};
}

template <class T>
Result<T> SqliteReader::in_snapshot(const std::function<Result<T>()>& read) {
  if (statement(Query::Begin).run() != SQLITE_OK) {
    return database_.error("read");
  }
  Result<T> result = read();
  if (statement(Query::End).run() != SQLITE_OK && result) {
    return database_.error("read");
  }
  return result;
}

Result<std::optional<JobListRow>> SqliteReader::row(JobId id) {
  std::optional<JobListRow> row;
  Statement& select = statement(Query::Row);
  select.bind(1, to_rowid(id));
  HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
    HEARTH_ASSIGN(JobRecord record, wire::decode_job_record(columns.bytes(0)));
    row = JobListRow{.record = std::move(record), .spec = std::string(columns.bytes(1))};
    return {};
  }));
  return row;
}

Result<std::optional<StoredJob>> SqliteReader::job(JobId id) {
  return in_snapshot<std::optional<StoredJob>>([&]() -> Result<std::optional<StoredJob>> {
    HEARTH_ASSIGN(std::optional<JobListRow> found, row(id));
    if (!found) {
      return std::optional<StoredJob>();
    }
    StoredJob job{
        .record = std::move(found->record), .spec = std::move(found->spec), .attempts = {}};
    Statement& select = statement(Query::Attempts);
    select.bind(1, to_rowid(id));
    HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
      HEARTH_ASSIGN(Attempt attempt, wire::decode_attempt(columns.bytes(0)));
      job.attempts.push_back(std::move(attempt));
      return {};
    }));
    return std::optional(std::move(job));
  });
}

Result<Statement*> SqliteReader::list_statement(const ListStatement& plan) {
  auto found = list_statements_.find(plan.sql);
  if (found == list_statements_.end()) {
    if (list_statements_.size() >= kListStatementsMax) {
      list_statements_.clear();
    }
    HEARTH_ASSIGN(Statement statement, database_.prepare(plan.sql));
    found = list_statements_.emplace(plan.sql, std::move(statement)).first;
  }
  int parameter = 0;
  for (const auto& value : plan.parameters) {
    ++parameter;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      found->second.bind(parameter, *number);
    } else {
      found->second.bind_text(parameter, std::get<std::string>(value));
    }
  }
  return &found->second;
}

Result<std::vector<JobId>> SqliteReader::list_ids(const JobQuery& query) {
  std::vector<JobId> ids;
  const std::vector<ListStatement> plans = plan_list(query);
  for (const ListStatement& plan : plans) {
    HEARTH_ASSIGN(Statement * select, list_statement(plan));
    HEARTH_TRY(each_row(*select, [&](const Statement& columns) -> Result<> {
      ids.push_back(from_rowid(columns.integer(0)));
      return {};
    }));
  }
  if (plans.size() > 1) {
    std::ranges::sort(ids, std::ranges::greater());
    ids.resize(
        std::min(ids.size(), static_cast<std::size_t>(std::max<std::int64_t>(query.limit, 0))));
  }
  return ids;
}

Result<std::vector<JobListRow>> SqliteReader::list(const JobQuery& query) {
  return in_snapshot<std::vector<JobListRow>>([&]() -> Result<std::vector<JobListRow>> {
    HEARTH_ASSIGN(const std::vector<JobId> ids, list_ids(query));
    std::vector<JobListRow> rows;
    rows.reserve(ids.size());
    for (const JobId id : ids) {
      HEARTH_ASSIGN(std::optional<JobListRow> found, row(id));
      if (found) {
        rows.push_back(std::move(*found));
      }
    }
    return rows;
  });
}

Result<std::vector<StoredPayload>> SqliteReader::payloads(const std::vector<JobId>& ids) {
  return in_snapshot<std::vector<StoredPayload>>([&]() -> Result<std::vector<StoredPayload>> {
    std::vector<StoredPayload> payloads;
    payloads.reserve(ids.size());
    Statement& select = statement(Query::Payload);
    for (const JobId id : ids) {
      select.bind(1, to_rowid(id));
      HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
        payloads.push_back({.id = id,
                            .spec = std::string(columns.bytes(0)),
                            .secrets = std::string(columns.bytes(1))});
        return {};
      }));
    }
    return payloads;
  });
}

Result<std::map<std::string, JobId>> SqliteReader::find_idempotency_keys(
    const std::vector<std::string>& keys) {
  using Jobs = std::map<std::string, JobId>;
  return in_snapshot<Jobs>([&]() -> Result<Jobs> {
    Jobs jobs;
    Statement& select = statement(Query::Key);
    for (const std::string& key : keys) {
      select.bind_blob(1, key);
      HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
        jobs[key] = from_rowid(columns.integer(0));
        return {};
      }));
    }
    return jobs;
  });
}

Result<std::map<JobId, JobState>> SqliteReader::states(const std::vector<JobId>& ids) {
  using States = std::map<JobId, JobState>;
  return in_snapshot<States>([&]() -> Result<States> {
    States states;
    Statement& select = statement(Query::State);
    for (const JobId id : ids) {
      select.bind(1, to_rowid(id));
      HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
        states[id] = static_cast<JobState>(columns.integer(0));
        return {};
      }));
    }
    return states;
  });
}

Result<std::vector<JobEvent>> SqliteReader::events(JobId job, EventSeq after, std::int64_t limit) {
  std::vector<JobEvent> events;
  Statement& select = statement(job.empty() ? Query::AllEvents : Query::EventsOfJob);
  select.bind(1, static_cast<std::int64_t>(after.value()))
      .bind(2, std::max<std::int64_t>(limit, 0));
  if (!job.empty()) {
    select.bind(3, to_rowid(job));
  }
  HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
    HEARTH_ASSIGN(JobRecord record, wire::decode_job_record(columns.bytes(3)));
    events.push_back({.seq = EventSeq(static_cast<std::uint64_t>(columns.integer(0))),
                      .at = time_from_ms(columns.integer(1)),
                      .kind = static_cast<JobEventKind>(columns.integer(2)),
                      .after = std::move(record)});
    return {};
  }));
  return events;
}

Result<std::int64_t> SqliteReader::integer_of(Query query) {
  std::int64_t value = 0;
  HEARTH_TRY(each_row(statement(query), [&](const Statement& columns) -> Result<> {
    value = columns.integer(0);
    return {};
  }));
  return value;
}

Result<EventSeq> SqliteReader::oldest_event() {
  HEARTH_ASSIGN(const std::int64_t oldest, integer_of(Query::OldestEvent));
  return EventSeq(static_cast<std::uint64_t>(oldest));
}

Result<std::vector<JobId>> SqliteReader::owed_callbacks(JobId after, std::int64_t limit) {
  std::vector<JobId> jobs;
  Statement& select = statement(Query::OwedCallbacks);
  select.bind(1, to_rowid(after)).bind(2, std::max<std::int64_t>(limit, 0));
  HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
    jobs.push_back(from_rowid(columns.integer(0)));
    return {};
  }));
  return jobs;
}

Result<std::optional<std::string>> SqliteReader::inline_output(JobId job, std::uint32_t attempt,
                                                               StreamKind stream) {
  std::optional<std::string> output;
  Statement& select = statement(Query::Output);
  select.bind(1, to_rowid(job)).bind(2, attempt).bind(3, static_cast<std::int64_t>(stream));
  HEARTH_TRY(each_row(select, [&](const Statement& columns) -> Result<> {
    output = std::string(columns.bytes(0));
    return {};
  }));
  return output;
}

Result<std::map<JobState, std::int64_t>> SqliteReader::counts() {
  using Counts = std::map<JobState, std::int64_t>;
  return in_snapshot<Counts>([&]() -> Result<Counts> {
    Counts counts;
    Statement& count_live = statement(Query::CountLive);
    for (std::int64_t state = 0; state < kJobStateCount; ++state) {
      if (is_final(static_cast<JobState>(state))) {
        continue;
      }
      count_live.bind(1, state);
      HEARTH_TRY(each_row(count_live, [&](const Statement& columns) -> Result<> {
        if (columns.integer(0) > 0) {
          counts[static_cast<JobState>(state)] = columns.integer(0);
        }
        return {};
      }));
    }
    HEARTH_TRY(each_row(statement(Query::CountEnded), [&](const Statement& columns) -> Result<> {
      counts[static_cast<JobState>(columns.integer(0))] = columns.integer(1);
      return {};
    }));
    return counts;
  });
}

Result<Past> SqliteReader::past(std::int64_t jobs_max, std::int64_t events_max) {
  return in_snapshot<Past>([&]() -> Result<Past> {
    Past past;
    HEARTH_TRY(each_row(statement(Query::CountEnded), [&](const Statement& columns) -> Result<> {
      past.finished_jobs += columns.integer(1);
      return {};
    }));
    HEARTH_TRY(each_row(statement(Query::PastSums), [&](const Statement& columns) -> Result<> {
      past.output_bytes = columns.integer(0);
      past.events = columns.integer(1);
      return {};
    }));
    Statement& jobs = statement(Query::PastJobs);
    jobs.bind(1, jobs_max);
    HEARTH_TRY(each_row(jobs, [&](const Statement& columns) -> Result<> {
      past.jobs.push_back({.seq = EventSeq(static_cast<std::uint64_t>(columns.integer(0))),
                           .id = from_rowid(columns.integer(1)),
                           .ended_at = time_from_ms(columns.integer(2)),
                           .output_bytes = columns.integer(3)});
      return {};
    }));
    Statement& events = statement(Query::PastEvents);
    events.bind(1, events_max);
    HEARTH_TRY(each_row(events, [&](const Statement& columns) -> Result<> {
      past.oldest_events.push_back({.seq = EventSeq(static_cast<std::uint64_t>(columns.integer(0))),
                                    .at = time_from_ms(columns.integer(1))});
      return {};
    }));
    for (const Query newest : {Query::NewestEnd, Query::NewestEvent}) {
      HEARTH_TRY(each_row(statement(newest), [&](const Statement& columns) -> Result<> {
        past.newest_at = time_from_ms(columns.integer(0));
        return {};
      }));
    }
    HEARTH_ASSIGN(past.pages, integer_of(Query::Pages));
    HEARTH_ASSIGN(past.free_pages, integer_of(Query::FreePages));
    return past;
  });
}

}  // namespace

Result<std::unique_ptr<Reader>> open_reader(const std::string& path, const std::string& vfs) {
  HEARTH_ASSIGN(Database database, Database::open(path, SQLITE_OPEN_READONLY, vfs));
  sqlite3_busy_timeout(database.handle(), 5'000);
  auto reader = std::make_unique<SqliteReader>(std::move(database));
  HEARTH_TRY(reader->prepare());
  return std::unique_ptr<Reader>(std::move(reader));
}

std::span<const std::string_view> reader_statements() {
  return kStatements;
}

}  // namespace hearth::store::sqlite
