#include "store/sqlite/writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "model/retention.h"
#include "wire/job_codec.h"

namespace hearth::store::sqlite {

Result<Writer> Writer::create(Database& database) {
  Writer writer;
  writer.handle_ = database.handle();
  const std::pair<Statement*, std::string_view> statements[] = {
      {&writer.begin_, "BEGIN IMMEDIATE"},
      {&writer.commit_, "COMMIT"},
      {&writer.insert_job_, "INSERT INTO jobs(id, state, queue, name, record) VALUES(?,?,?,?,?)"},
      {&writer.update_job_, "UPDATE jobs SET state = ?2, record = ?3 WHERE id = ?1"},
      {&writer.insert_payload_, "INSERT INTO payloads(job, idempotency_key, spec) VALUES(?,?,?)"},
      {&writer.insert_secrets_, "INSERT INTO secrets(job, bytes) VALUES(?,?)"},
      {&writer.erase_secrets_, "DELETE FROM secrets WHERE job = ?"},
      {&writer.insert_label_, "INSERT INTO labels(name, value, job) VALUES(?,?,?)"},
      {&writer.insert_key_, "INSERT INTO idempotency(key, job) VALUES(?,?)"},
      {&writer.count_ended_,
       "INSERT INTO ended(state, jobs) VALUES(?1, 1) "
       "ON CONFLICT(state) DO UPDATE SET jobs = jobs + 1"},
      {&writer.insert_event_, "INSERT INTO events(seq, job, at, kind, record) VALUES(?,?,?,?,?)"},
      {&writer.put_attempt_, "INSERT OR REPLACE INTO attempts(job, number, record) VALUES(?,?,?)"},
      {&writer.put_agent_, "INSERT OR REPLACE INTO agents(id, record) VALUES(?,?)"},
      {&writer.put_output_,
       "INSERT OR REPLACE INTO outputs(job, attempt, stream, bytes) VALUES(?,?,?,?)"},
      {&writer.update_meta_,
       "UPDATE meta SET last_seq = max(last_seq, ?1), last_job = max(last_job, ?2)"},
      {&writer.select_attempts_, "SELECT record FROM attempts WHERE job = ?"},
      {&writer.insert_finished_,
       "INSERT INTO finished(seq, job, at, output_bytes) VALUES(?,?,?,?)"},
      {&writer.owe_callback_, "INSERT INTO callbacks(job) VALUES(?)"},
      {&writer.add_output_, "UPDATE meta SET output_bytes = output_bytes + ?"},
  };
  for (const auto& [statement, sql] : statements) {
    HEARTH_ASSIGN(*statement, database.prepare(sql));
  }
  return writer;
}

int Writer::commit(const MergedChanges& changes) {
  int code = begin_.run();
  if (code == SQLITE_OK) {
    code = write_events(changes);
  }
  if (code == SQLITE_OK) {
    code = write_jobs(changes);
  }
  if (code == SQLITE_OK) {
    code = write_rest(changes);
  }
  if (code == SQLITE_OK) {
    code = write_ends(changes);
  }
  if (code == SQLITE_OK) {
    code = write_meta(changes);
  }
  return code == SQLITE_OK ? commit_.run() : code;
}

int Writer::write_events(const MergedChanges& changes) {
  records_.clear();
  for (const JobEvent* event : changes.events) {
    const std::string& record = records_.emplace_back(wire::encode_job_record(event->after));
    const int code = insert_event_.bind(1, static_cast<std::int64_t>(event->seq.value()))
                         .bind(2, to_rowid(event->after.id))
                         .bind(3, to_ms(event->at))
                         .bind(4, static_cast<std::int64_t>(event->kind))
                         .bind_blob(5, record)
                         .run();
    if (code != SQLITE_OK) {
      return code;
    }
  }
  return SQLITE_OK;
}

int Writer::write_jobs(const MergedChanges& changes) {
  for (const MergedJob& job : changes.jobs) {
    const std::string& record = records_.at(job.last_event);
    int code = job.created != nullptr ? insert_job(job, record) : update_job(job, record);
    if (code == SQLITE_OK && is_final(job.record->state)) {
      code = erase_secrets_.bind(1, to_rowid(job.id)).run();
    }
    if (code != SQLITE_OK) {
      return code;
    }
  }
  return SQLITE_OK;
}

int Writer::insert_job(const MergedJob& job, std::string_view record) {
  const std::int64_t id = to_rowid(job.id);
  const JobPayload& payload = *job.created->payload;
  const std::string& key = job.created->idempotency_key;
  insert_job_.bind(1, id)
      .bind(2, static_cast<std::int64_t>(job.record->state))
      .bind_text(3, job.created->queue)
      .bind_blob(5, record);
  payload.name.empty() ? insert_job_.bind_null(4) : insert_job_.bind_text(4, payload.name);
  int code = insert_job_.run();
  if (code == SQLITE_OK) {
    const std::string spec = stored_spec(*job.created);
    insert_payload_.bind(1, id).bind_blob(3, spec);
    key.empty() ? insert_payload_.bind_null(2) : insert_payload_.bind_blob(2, key);
    code = insert_payload_.run();
  }
  if (code == SQLITE_OK && !payload.secrets.empty() && !is_final(job.record->state)) {
    code = insert_secrets_.bind(1, id).bind_blob(2, payload.secrets).run();
  }
  if (code == SQLITE_OK && !key.empty()) {
    code = insert_key_.bind_blob(1, key).bind(2, id).run();
  }
  for (auto label = payload.labels.begin(); code == SQLITE_OK && label != payload.labels.end();
       ++label) {
    code = insert_label_.bind_text(1, label->first).bind_text(2, label->second).bind(3, id).run();
  }
  return code;
}

int Writer::update_job(const MergedJob& job, std::string_view record) {
  const int code = update_job_.bind(1, to_rowid(job.id))
                       .bind(2, static_cast<std::int64_t>(job.record->state))
                       .bind_blob(3, record)
                       .run();
  return code == SQLITE_OK && sqlite3_changes(handle_) != 1 ? SQLITE_CONSTRAINT : code;
}

int Writer::write_rest(const MergedChanges& changes) {
  for (const AttemptChange* change : changes.attempts) {
    const std::string record = wire::encode_attempt(change->attempt);
    const int code = put_attempt_.bind(1, to_rowid(change->job))
                         .bind(2, change->attempt.number)
                         .bind_blob(3, record)
                         .run();
    if (code != SQLITE_OK) {
      return code;
    }
  }
  for (const InlineOutput* output : changes.outputs) {
    const int code = put_output_.bind(1, to_rowid(output->job))
                         .bind(2, output->attempt)
                         .bind(3, static_cast<std::int64_t>(output->stream))
                         .bind_blob(4, output->bytes)
                         .run();
    if (code != SQLITE_OK) {
      return code;
    }
  }
  for (const AgentRecord* agent : changes.agents) {
    const std::string record = wire::encode_agent_record(*agent);
    const int code = put_agent_.bind_text(1, agent->info.id.value()).bind_blob(2, record).run();
    if (code != SQLITE_OK) {
      return code;
    }
  }
  return SQLITE_OK;
}

// After the attempts, whose output is counted.
int Writer::write_ends(const MergedChanges& changes) {
  std::int64_t bytes_of_all = 0;
  for (const MergedJob& job : changes.jobs) {
    if (!is_final(job.record->state)) {
      continue;
    }
    std::int64_t bytes = 0;
    int code = output_bytes(job.id, bytes);
    if (code == SQLITE_OK) {
      code = count_ended_.bind(1, static_cast<std::int64_t>(job.record->state)).run();
    }
    if (code == SQLITE_OK) {
      const JobEvent& end = *changes.events.at(job.last_event);
      code = insert_finished_.bind(1, static_cast<std::int64_t>(end.seq.value()))
                 .bind(2, to_rowid(job.id))
                 .bind(3, to_ms(end.at))
                 .bind(4, bytes)
                 .run();
    }
    if (code == SQLITE_OK && job.record->has_callback) {
      code = owe_callback_.bind(1, to_rowid(job.id)).run();
    }
    if (code != SQLITE_OK) {
      return code;
    }
    bytes_of_all += bytes;
  }
  return bytes_of_all == 0 ? SQLITE_OK : add_output_.bind(1, bytes_of_all).run();
}

int Writer::output_bytes(JobId job, std::int64_t& bytes) {
  const StatementUse use(select_attempts_);
  select_attempts_.bind(1, to_rowid(job));
  int code = SQLITE_OK;
  while ((code = select_attempts_.step()) == SQLITE_ROW) {
    if (const Result<Attempt> attempt = wire::decode_attempt(select_attempts_.bytes(0))) {
      bytes += kept_output_bytes(*attempt);
    }
  }
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int Writer::write_meta(const MergedChanges& changes) {
  if (changes.events.empty()) {
    return SQLITE_OK;
  }
  std::int64_t last_job = std::numeric_limits<std::int64_t>::min();
  for (const MergedJob& job : changes.jobs) {
    if (job.created != nullptr) {
      last_job = std::max(last_job, to_rowid(job.id));
    }
  }
  return update_meta_.bind(1, static_cast<std::int64_t>(changes.events.back()->seq.value()))
      .bind(2, last_job)
      .run();
}

}  // namespace hearth::store::sqlite
