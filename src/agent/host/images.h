// The root file systems an agent offers to jobs of sandbox level image.
//
// A setting names either a folder that holds one, or an image of a local OCI layout,
// "oci:LAYOUT[:TAG][@sha256:DIGEST]". The latter is unpacked at the agent's start, by umoci, once
// for each digest of a manifest: what is unpacked stays in the cache under that name. With a digest
// in the setting the layout must still say so.
#pragma once

#include <map>
#include <string>

#include "agent/probe/command_runner.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace hearth::agent {

struct OciReference {
  std::string layout;
  std::string tag = "latest";
  std::string digest;  // of the manifest, "sha256:…"; empty: whatever the tag names
};

// The text behind "oci:". InvalidArgument, naming what is wrong.
Result<OciReference> parse_oci_reference(std::string_view text);

// Of the manifest that `index_json`, a layout's index, has for it. NotFound; FailedPrecondition
// when it is not the digest that was asked for.
Result<std::string> manifest_digest(std::string_view index_json, const OciReference& reference);

struct ImageOptions {
  std::string cache_dir;  // made if need be
  std::string unpacker = "umoci";
};

// The folder of each image, by its name. Waits for what has to be unpacked.
Result<std::map<std::string, std::string>> prepare_images(
    const std::map<std::string, std::string>& settings, const ImageOptions& options, Clock& clock,
    Log& log);

}  // namespace hearth::agent
