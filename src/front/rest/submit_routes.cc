// Routes that make jobs.
#include <algorithm>

#include "front/rest/job_json.h"
#include "front/rest/routes.h"
#include "front/rest/upload_routes.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

using net::JsonWriter;

void write_outcome(JsonWriter& json, const Result<core::SubmitOutcome>& outcome) {
  if (!outcome) {
    json.key("error").raw(net::problem_json(outcome.error()));
    return;
  }
  json.member("id", to_string(outcome->id)).member("state", to_string(outcome->state));
  if (outcome->replayed) {
    json.member("replayed", true);
  }
}

// {"id","state","ids":[…]}; an element that was refused is null in `ids` and told in `errors`.
void write_elements(JsonWriter& json, const Result<core::SubmitOutcome>* outcomes,
                    std::size_t count) {
  const auto* end = outcomes + count;
  const auto* first = std::find_if(outcomes, end, [](const auto& outcome) { return !!outcome; });
  write_outcome(json, first == end ? *outcomes : *first);
  if (first == end) {
    return;
  }
  json.key("ids").begin_array();
  for (const auto* outcome = outcomes; outcome != end; ++outcome) {
    if (*outcome) {
      json.string(to_string((*outcome)->id));
    } else {
      json.null();
    }
  }
  json.end_array();
  if (std::all_of(outcomes, end, [](const auto& outcome) { return !!outcome; })) {
    return;
  }
  json.key("errors").begin_array();
  for (std::size_t i = 0; i < count; ++i) {
    if (!outcomes[i]) {
      json.begin_object().member("index", i).key("error");
      json.raw(net::problem_json(outcomes[i].error())).end_object();
    }
  }
  json.end_array();
}

void answer_single(Context& context, const net::Responder& responder,
                   const core::SubmitOutcome& outcome) {
  if (outcome.replayed) {
    // The existing job, whole; reading it is nothing for the thread that called us.
    responder.post([&context, responder, id = outcome.id] {
      const auto view = context.api.get(id);
      if (!view) {
        responder.fail(view.error());
        return;
      }
      net::Response response = json_response(200, job_json(*view));
      response.headers.emplace_back("Idempotent-Replay", "true");
      responder.send(std::move(response));
    });
    return;
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  write_outcome(json, outcome);
  json.end_object();
  net::Response response = json_response(201, std::move(body));
  response.headers.emplace_back("Location", "/v1/jobs/" + to_string(outcome.id));
  responder.send(std::move(response));
}

void answer_array(const net::Responder& responder, const api::SubmitResults& results) {
  const bool none =
      std::none_of(results.begin(), results.end(), [](const auto& result) { return !!result; });
  if (none) {
    responder.fail(results.front().error());
    return;
  }
  const bool replayed = std::all_of(results.begin(), results.end(),
                                    [](const auto& result) { return result && result->replayed; });
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  write_elements(json, results.data(), results.size());
  json.end_object();
  net::Response response = json_response(replayed ? 200 : 201, std::move(body));
  if (replayed) {
    response.headers.emplace_back("Idempotent-Replay", "true");
  }
  responder.send(std::move(response));
}

std::string batch_json(const std::vector<BatchEntry>& entries, const api::SubmitResults& results) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("results").begin_array();
  for (const BatchEntry& entry : entries) {
    json.begin_object();
    if (entry.error) {
      json.key("error").raw(net::problem_json(*entry.error));
    } else if (entry.is_array) {
      write_elements(json, results.data() + entry.first, entry.count);
    } else {
      write_outcome(json, results.at(entry.first));
    }
    json.end_object();
  }
  json.end_array().end_object();
  return body;
}

class BatchSink final : public net::BodySink {
 public:
  BatchSink(Context& context, BatchFormat format)
      : context_(context), reader_(format, [&api = context.api](const JobSpec& spec) {
          return check_upload(api, spec);
        }) {}

  Result<> on_data(std::string_view bytes) override { return reader_.feed(bytes); }

  void finish(net::Request, net::Responder responder) override {
    auto batch = reader_.finish();
    if (!batch) {
      responder.fail(batch.error());
      return;
    }
    if (batch->items.empty()) {
      responder.send(json_response(200, batch_json(batch->entries, {})));
      return;
    }
    auto entries = std::make_shared<std::vector<BatchEntry>>(std::move(batch->entries));
    context_.api.submit(std::move(batch->items),
                        [responder, entries](Result<api::SubmitResults> results) {
                          if (!results) {
                            responder.fail(results.error());
                            return;
                          }
                          auto kept = std::make_shared<api::SubmitResults>(std::move(*results));
                          responder.post([responder, entries, kept] {
                            responder.send(json_response(200, batch_json(*entries, *kept)));
                          });
                        });
  }

 private:
  Context& context_;
  BatchReader reader_;
};

}  // namespace

void submit_job(Context& context, Call call) {
  auto request = parse_job_request(call.request.body, RequestKind::Single);
  if (!request) {
    call.responder.fail(request.error());
    return;
  }
  if (const Result<> checked = check_upload(context.api, request->spec); !checked) {
    call.responder.fail(checked.error());
    return;
  }
  const bool is_array = request->array.has_value();
  std::vector<api::SubmitRequestItem> items;
  for (JobSpec& spec : expand_array(std::move(*request))) {
    items.push_back({.spec = std::move(spec), .after_refs = {}});
  }
  context.api.submit(std::move(items), [&context, is_array, responder = call.responder](
                                           Result<api::SubmitResults> results) {
    if (!results) {
      responder.fail(results.error());
    } else if (is_array) {
      auto kept = std::make_shared<api::SubmitResults>(std::move(*results));
      responder.post([responder, kept] { answer_array(responder, *kept); });
    } else if (!results->front()) {
      responder.fail(results->front().error());
    } else {
      answer_single(context, responder, *results->front());
    }
  });
}

std::unique_ptr<net::BodySink> make_batch_sink(Context& context, BatchFormat format) {
  return std::make_unique<BatchSink>(context, format);
}

}  // namespace hearth::rest
