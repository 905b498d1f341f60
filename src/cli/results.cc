// `hearth results`: the files that a job left.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include <boost/json.hpp>

#include "archive/archive.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "cli/cell_text.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace hearth::cli {
namespace {

constexpr std::size_t kTextWidth = 120;

std::string target_of(const ResultsCommand& command, const std::string& below,
                      const std::string& query = {}) {
  std::string target = "/v1/jobs/" + url_encode(command.id) + "/results" + below;
  std::string all = query;
  if (command.attempt) {
    all += (all.empty() ? "" : "&") + ("attempt=" + std::to_string(*command.attempt));
  }
  return all.empty() ? target : target + "?" + all;
}

Result<boost::json::value> get_list(Session& session, const ResultsCommand& command) {
  return session.get(target_of(command, "", "list=1"));
}

// What a job was asked to leave and did not.
Result<> tell_left_out(const Session& session, const boost::json::value& list) {
  for (const auto& note : list.at("leftOut").as_array()) {
    HEARTH_TRY(session.err("hearth: left out: " + clean_cell(text_of(note, "path"), kTextWidth) +
                           " " + clean_cell(text_of(note, "why"), kTextWidth) + "\n"));
  }
  if (const std::int64_t more = integer_of(list, "leftOutMore"); more > 0) {
    HEARTH_TRY(session.err("hearth: and " + std::to_string(more) + " more\n"));
  }
  return {};
}

Result<int> show_list(Session& session, const ResultsCommand& command) {
  HEARTH_ASSIGN(const auto list, get_list(session, command));
  if (session.json()) {
    HEARTH_TRY(session.out(boost::json::serialize(list) + "\n"));
    return kExitFine;
  }
  Table table({"BYTES", "PATH"});
  for (const auto& file : list.at("files").as_array()) {
    table.add({std::to_string(integer_of(file, "bytes")), text_of(file, "path")});
  }
  HEARTH_TRY(session.out(table.text()));
  HEARTH_TRY(tell_left_out(session, list));
  return kExitFine;
}

Result<int> show_file(Session& session, const ResultsCommand& command) {
  HEARTH_ASSIGN(const client::HttpResponse file,
                session.get_raw(target_of(command, "/" + url_encode(command.path))));
  HEARTH_TRY(session.out(file.body));
  return kExitFine;
}

// What a job left is hostile: it is unpacked as an upload is, below one folder, through no link and
// over nothing that is there.
Result<int> unpack(Session& session, const ResultsCommand& command) {
  HEARTH_ASSIGN(const auto list, get_list(session, command));
  HEARTH_ASSIGN(const client::HttpResponse tar, session.get_raw(target_of(command, "")));
  const UniqueFd file(::memfd_create("results", MFD_CLOEXEC));
  if (!file.valid()) {
    return system_error("keep the results in memory", errno);
  }
  HEARTH_TRY(write_all(file.get(), tar.body, "the results in memory"));
  HEARTH_TRY(make_directories(command.to));
  const UniqueFd folder(::open(command.to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) {
    return system_error("open the folder " + command.to, errno);
  }
  const auto unpacked = archive::extract_archive(file.get(), folder.get());
  if (!unpacked) {
    return unpacked.error().with_context("unpack the results into " + command.to);
  }
  HEARTH_TRY(tell_left_out(session, list));
  if (session.json()) {
    HEARTH_TRY(session.out(boost::json::serialize(list) + "\n"));
    return kExitFine;
  }
  HEARTH_TRY(session.out(std::to_string(unpacked->files) + " files, " +
                         human_bytes(unpacked->bytes) + ", in " + command.to + "\n"));
  return kExitFine;
}

}  // namespace

Result<int> show_results(Session& session, const ResultsCommand& command) {
  if (!command.path.empty() && !command.to.empty()) {
    return invalid_argument("a path and --to exclude each other: --to takes all files");
  }
  if (!command.to.empty()) {
    return unpack(session, command);
  }
  return command.path.empty() ? show_list(session, command) : show_file(session, command);
}

}  // namespace hearth::cli
