#include "tests/attack/upload_fixture.h"

#include <filesystem>

#include "tests/harness/processes.h"

namespace hearth::attack {

namespace fs = std::filesystem;

using harness::text;

std::string UploadTest::upload(const std::string& archive) {
  const harness::Answer answer = post("/v1/uploads", archive, "application/octet-stream");
  EXPECT_EQ(answer.status, 201) << answer.raw;
  return answer.status == 201 ? text(answer.body.as_object(), "id") : "";
}

std::map<std::string, std::string> UploadTest::uploads_on_disk() const {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(data())) {
    const std::string path = entry.path().string();
    if (entry.is_regular_file() && path.find("/uploads/") != std::string::npos) {
      found[path] = harness::contents(path);
    }
  }
  return found;
}

json::object UploadTest::run_for(const std::vector<std::string>& results, const std::string& script,
                                 const json::object& more) {
  json::object all = more;
  all["results"] = json::array(results.begin(), results.end());
  return run({"/bin/sh", "-c", script}, all);
}

std::vector<std::string> UploadTest::taken_of(const std::string& id) {
  std::vector<std::string> taken;
  const json::value list = get("/v1/jobs/" + id + "/results?list=1").body;
  for (const json::value& file : list.at("files").as_array()) {
    taken.push_back(text(file.as_object(), "path"));
  }
  return taken;
}

std::vector<std::string> UploadTest::left_out_of(const std::string& id) {
  std::vector<std::string> left_out;
  const json::value list = get("/v1/jobs/" + id + "/results?list=1").body;
  for (const json::value& file : list.at("leftOut").as_array()) {
    left_out.push_back(text(file.as_object(), "path") + ": " + text(file.as_object(), "why"));
  }
  return left_out;
}

}  // namespace hearth::attack
