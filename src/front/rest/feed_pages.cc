#include "front/rest/feed_pages.h"

#include <algorithm>

#include "front/rest/job_json.h"
#include "front/rest/sse.h"
#include "net/json_writer.h"

namespace hearth::rest {

namespace {

constexpr std::size_t kPagesKept = 8;
constexpr std::size_t kEventsPerPage = 256;
constexpr std::size_t kPageBytes = 64 * 1024;  // about: the event that passes it is the last

}  // namespace

void append_job_event(std::string& out, const JobEvent& event) {
  std::string data;
  net::JsonWriter json(data);
  write_job_event(json, event);
  append_sse(out, "job", std::to_string(event.seq.value()), data);
}

void append_agent_event(std::string& out, const AgentView& agent) {
  std::string data;
  net::JsonWriter json(data);
  write_agent(json, agent);
  append_sse(out, "agent", {}, data);
}

FeedPages::Answer FeedPages::after(const FeedPosition& from) {
  if (!hub_.has_news(from.seq, from.agents)) {
    return {};
  }
  // Held while a page is made: whoever else wants it waits for it instead of making it too.
  const MutexLock lock(mutex_);
  const auto found = std::find_if(pages_.rbegin(), pages_.rend(),
                                  [&from](const auto& page) { return page->from == from; });
  return found == pages_.rend() ? make(from) : Answer{.page = *found};
}

FeedPages::Answer FeedPages::make(const FeedPosition& from) {
  const EventHub::Batch batch = hub_.read(from.seq, kEventsPerPage);
  if (batch.lost) {
    return {.page = nullptr, .lost = true};
  }
  auto page = std::make_shared<FeedPage>(FeedPage{.from = from, .to = from, .text = {}});
  for (const auto& notice : batch.notices) {
    append_job_event(page->text, notice->event);
    page->to.seq = notice->event.seq;
    if (page->text.size() >= kPageBytes) {
      break;
    }
  }
  if (batch.notices.empty()) {
    const EventHub::AgentChanges changes = hub_.agents_after(from.agents);
    page->to.agents = changes.version;
    for (const AgentView& agent : api_.agents()) {
      if (std::binary_search(changes.agents.begin(), changes.agents.end(), agent.record.info.id)) {
        append_agent_event(page->text, agent);
      }
    }
  }
  ++made_;
  pages_.push_back(page);
  if (pages_.size() > kPagesKept) {
    pages_.pop_front();
  }
  return {.page = std::move(page)};
}

std::uint64_t FeedPages::made() const {
  const MutexLock lock(mutex_);
  return made_;
}

}  // namespace hearth::rest
