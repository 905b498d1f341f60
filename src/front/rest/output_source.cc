#include "front/rest/output_source.h"

#include <algorithm>

namespace hearth::rest {

namespace {

using Pull = net::BodySource::Pull;

class OutputSource final : public net::BodySource {
 public:
  OutputSource(api::ControllerApi& api, EventHub& hub, const OutputRange& range,
               const net::Wakeup& wakeup)
      : api_(api), hub_(hub), range_(range) {
    if (!range_.end) {
      ticket_ = hub_.subscribe(range_.job, wakeup);
      listener_ =
          api_.listen_output(range_.job, [wakeup](const output::StreamId&) { wakeup.notify(); });
    }
  }

  ~OutputSource() override {
    if (listener_) {
      hub_.unsubscribe(range_.job, ticket_);
      api_.unlisten_output(range_.job, *listener_);
    }
  }

  Pull pull(std::string& out, std::size_t max) override {
    // Asked before reading: what an ended attempt wrote is all there by then.
    const bool ended = !range_.end && attempt_ended();
    std::int64_t wanted = static_cast<std::int64_t>(max);
    if (range_.end) {
      wanted = std::min(wanted, *range_.end - range_.offset);
    }
    if (wanted <= 0) {
      return Pull::End;
    }
    const auto answer = api_.output({.job = range_.job,
                                     .attempt = range_.attempt,
                                     .stream = range_.stream,
                                     .offset = range_.offset,
                                     .max = wanted});
    if (!answer) {
      return range_.end || ended ? Pull::End : Pull::Wait;
    }
    const output::LogSlice& slice = answer->slice.slice;
    if (slice.bytes.empty()) {
      const bool over =
          range_.end || ended || answer->slice.complete || slice.next_offset > range_.offset;
      return over ? Pull::End : Pull::Wait;
    }
    if (slice.offset != range_.offset) {
      return Pull::End;  // a gap has come up: the next request begins behind it
    }
    out += slice.bytes;
    range_.offset += static_cast<std::int64_t>(slice.bytes.size());
    return slice.next_offset > range_.offset ? Pull::End : Pull::More;
  }

 private:
  // Also without a word from the output store: an attempt that was lost just ends.
  bool attempt_ended() {
    const auto view = api_.get(range_.job);
    return view && (is_final(view->record.state) || view->record.attempt > range_.attempt);
  }

  api::ControllerApi& api_;
  EventHub& hub_;
  OutputRange range_;
  EventHub::Ticket ticket_ = 0;
  std::optional<output::ListenerId> listener_;
};

}  // namespace

std::unique_ptr<net::BodySource> make_output_source(api::ControllerApi& api, EventHub& hub,
                                                    const OutputRange& range,
                                                    const net::Wakeup& wakeup) {
  return std::make_unique<OutputSource>(api, hub, range, wakeup);
}

}  // namespace hearth::rest
