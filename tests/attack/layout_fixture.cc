#include "tests/attack/layout_fixture.h"

#include <filesystem>
#include <fstream>

#include <boost/json.hpp>

#include "tests/harness/processes.h"
#include "uploads/digest.h"

namespace hearth::attack {

namespace fs = std::filesystem;
namespace json = boost::json;

using archive::testing::TarItem;

namespace {

constexpr std::size_t kTarLinkName = 157;

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Where it is told of: in an image's manifest or a layout's index.
json::object add_blob(const std::string& folder, const std::string& bytes,
                      const std::string& kind) {
  uploads::DigestStream stream;
  stream.add(bytes);
  const std::string hex = uploads::to_hex(stream.finish());
  write(folder + "/blobs/sha256/" + hex, bytes);
  return {{"mediaType", "application/vnd.oci.image." + kind},
          {"digest", "sha256:" + hex},
          {"size", bytes.size()}};
}

}  // namespace

TarItem link_entry(const std::string& name, const std::string& target, char type) {
  return {.name = name, .type = type, .before = [target](std::string& block) {
            archive::testing::put(block, kTarLinkName, target);
          }};
}

Layer sound_layer() {
  Layer layer = {
      archive::testing::tar_directory("bin/"),
      {.name = "bin/busybox", .contents = harness::contents("/bin/busybox"), .mode = 0755}};
  for (const char* name : {"sh", "ls", "cat"}) {
    layer.push_back(link_entry(std::string("bin/") + name, "busybox"));
  }
  return layer;
}

void make_layout(const std::string& folder, const std::vector<Layer>& layers) {
  fs::create_directories(folder + "/blobs/sha256");
  json::array told;
  json::array contents;
  for (const Layer& layer : layers) {
    told.push_back(add_blob(folder, archive::testing::build_tar(layer), "layer.v1.tar"));
    contents.push_back(told.back().at("digest"));
  }
  const json::object config = {{"architecture", "amd64"},
                               {"os", "linux"},
                               {"rootfs", {{"type", "layers"}, {"diff_ids", contents}}}};
  const json::object manifest = {
      {"schemaVersion", 2},
      {"config", add_blob(folder, json::serialize(config), "config.v1+json")},
      {"layers", told}};
  json::object image = add_blob(folder, json::serialize(manifest), "manifest.v1+json");
  image["annotations"] = {{"org.opencontainers.image.ref.name", "latest"}};
  write(folder + "/index.json",
        json::serialize(json::object{{"schemaVersion", 2}, {"manifests", json::array{image}}}));
  write(folder + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
}

}  // namespace hearth::attack
