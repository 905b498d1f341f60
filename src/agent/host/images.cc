#include "agent/host/images.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <boost/json.hpp>

#include "agent/launcher/sandbox_plan.h"
#include "base/files.h"
#include "base/sandbox_limits.h"

namespace hearth::agent {
namespace {

namespace json = boost::json;

constexpr std::string_view kOci = "oci:";
constexpr std::string_view kSha = "sha256:";
constexpr std::size_t kShaHexBytes = 64;
constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";

bool is_digest(std::string_view text) {
  return text.starts_with(kSha) && text.size() == kSha.size() + kShaHexBytes &&
         text.find_first_not_of("0123456789abcdef", kSha.size()) == std::string_view::npos;
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string tag_of(const json::object& manifest) {
  const json::value* notes = manifest.if_contains("annotations");
  return notes != nullptr && notes->is_object() ? text_of(notes->as_object(), kRefName)
                                                : std::string();
}

Error not_a_layout(const std::string& why) {
  return invalid_argument("index.json is not that of an OCI layout: " + why);
}

// Beside its place first, so that what is there under its name is whole.
Result<> unpack(const OciReference& reference, const std::string& folder,
                const ImageOptions& options, Clock& clock) {
  const std::string draft = folder + ".draft";
  std::error_code failed;
  std::filesystem::remove_all(draft, failed);
  CommandRunner::Options runner_options;
  runner_options.deadline = limits::kImageUnpackDeadline;
  runner_options.output_bytes_max = limits::kImageUnpackOutputBytesMax;
  HEARTH_ASSIGN(const auto runner, CommandRunner::create(clock, runner_options));
  const auto answer = runner->run(
      {options.unpacker, "unpack", "--image", reference.layout + ":" + reference.tag, draft});
  if (!answer) {
    return answer.error().with_context("unpack the image " + reference.layout + ":" +
                                       reference.tag + " by " + options.unpacker +
                                       " (Debian's package umoci)");
  }
  if (answer->exit_code != 0 || !is_folder(draft + "/rootfs")) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = options.unpacker + " could not unpack the image " + reference.layout +
                            ":" + reference.tag + " (exit code " +
                            std::to_string(answer->exit_code) + "); run it by hand to see why"};
  }
  if (std::rename(draft.c_str(), folder.c_str()) != 0) {
    return system_error("keep the unpacked image " + folder, errno);
  }
  return {};
}

Result<std::string> prepare_oci(std::string_view text, const ImageOptions& options, Clock& clock,
                                Log& log) {
  HEARTH_ASSIGN(const OciReference reference, parse_oci_reference(text));
  HEARTH_ASSIGN(const std::string index,
                read_file(reference.layout + "/index.json", limits::kImageIndexBytesMax));
  HEARTH_ASSIGN(const std::string digest, manifest_digest(index, reference));
  std::error_code failed;
  std::filesystem::create_directories(options.cache_dir, failed);
  if (failed) {
    return system_error("make " + options.cache_dir, failed.value());
  }
  const std::string folder = options.cache_dir + "/" + digest.substr(kSha.size());
  if (!is_folder(folder)) {
    log.info("unpacking an image",
             {{"layout", reference.layout}, {"tag", reference.tag}, {"digest", digest}});
    HEARTH_TRY(unpack(reference, folder, options, clock));
  }
  return folder + "/rootfs";
}

}  // namespace

Result<OciReference> parse_oci_reference(std::string_view text) {
  OciReference reference;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    reference.digest = text.substr(at + 1);
    text = text.substr(0, at);
    if (!is_digest(reference.digest)) {
      return invalid_argument("\"" + reference.digest +
                              "\" is not a digest, sha256: and 64 hexadecimal digits");
    }
  }
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    reference.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  reference.layout = text;
  if (!is_normal_path(reference.layout) || reference.tag.empty() ||
      reference.tag.find('/') != std::string::npos) {
    return invalid_argument(
        "write oci:LAYOUT:TAG with the absolute path of a folder that holds an "
        "OCI layout, and @sha256:DIGEST behind it to pin it");
  }
  return reference;
}

Result<std::string> manifest_digest(std::string_view index_json, const OciReference& reference) {
  boost::system::error_code failed;
  const json::value value =
      json::parse(json::string_view(index_json.data(), index_json.size()), failed);
  const json::object* object = failed ? nullptr : value.if_object();
  const json::value* manifests = object == nullptr ? nullptr : object->if_contains("manifests");
  if (manifests == nullptr || !manifests->is_array()) {
    return not_a_layout("it has no list of manifests");
  }
  std::string tags;
  for (const json::value& entry : manifests->as_array()) {
    if (!entry.is_object()) {
      return not_a_layout("a manifest is no object");
    }
    const std::string tag = tag_of(entry.as_object());
    tags += (tags.empty() ? "" : ", ") + tag;
    if (tag != reference.tag) {
      continue;
    }
    std::string digest = text_of(entry.as_object(), "digest");
    if (!is_digest(digest)) {
      return not_a_layout("the digest of " + tag + " is none");
    }
    if (!reference.digest.empty() && digest != reference.digest) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "the image " + reference.layout + ":" + tag + " is " + digest +
                              " now and not " + reference.digest +
                              "; look at what changed, then name the new digest"};
    }
    return digest;
  }
  return not_found("the layout " + reference.layout + " has no image \"" + reference.tag +
                   "\"; it has: " + (tags.empty() ? "none" : tags));
}

Result<std::map<std::string, std::string>> prepare_images(
    const std::map<std::string, std::string>& settings, const ImageOptions& options, Clock& clock,
    Log& log) {
  std::map<std::string, std::string> images;
  for (const auto& [name, setting] : settings) {
    if (!setting.starts_with(kOci)) {
      if (!is_normal_path(setting) || !is_folder(setting)) {
        return invalid_field("images", "the image \"" + name + "\": " + setting +
                                           " is neither the absolute path of a folder with an "
                                           "unpacked root file system nor oci:LAYOUT:TAG");
      }
      images[name] = setting;
      continue;
    }
    auto folder = prepare_oci(std::string_view(setting).substr(kOci.size()), options, clock, log);
    if (!folder) {
      Error error = folder.error().with_context("setting images, \"" + name + "\"");
      error.field = "images";
      return error;
    }
    images[name] = std::move(*folder);
  }
  return images;
}

}  // namespace hearth::agent
