// What every UploadStore promises.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>

#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "base/testing/temp_dir.h"
#include "uploads/disk_upload_store.h"
#include "uploads/testing/memory_upload_store.h"

namespace hearth::uploads {
namespace {

namespace fs = std::filesystem;
using hearth::testing::ManualClock;

std::string content_of(const UniqueFd& file) {
  std::array<char, 4'096> buffer{};
  const ssize_t got = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

// "3:..." is an archive of three files.
Result<Content> check_counts(int fd) {
  std::array<char, 4'096> buffer{};
  const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
  if (got < 2 || buffer[1] != ':') {
    return Error{.code = ErrorCode::InvalidArgument,
                 .message = "entry \"x\": is evil",
                 .kind = "archive_refused"};
  }
  return Content{.files = buffer[0] - '0', .bytes = 10 * got};
}

class DiskStores {
 public:
  std::unique_ptr<UploadStore> open(ManualClock& clock, const UploadLimits& limits) {
    auto opened =
        open_disk_upload_store(folder_.file("uploads"), check_counts, clock, log_, {limits});
    EXPECT_TRUE(opened);
    return std::move(opened).value();
  }

 private:
  hearth::testing::TempDir folder_;
  hearth::testing::RecordingLog log_;
};

class MemoryStores {
 public:
  static std::unique_ptr<UploadStore> open(ManualClock& clock, const UploadLimits& limits) {
    return std::make_unique<testing::MemoryUploadStore>(clock, check_counts, limits);
  }
};

template <class Stores>
class UploadStoreContract : public ::testing::Test {
 protected:
  void open(const UploadLimits& limits = {}) { store_ = stores_.open(clock_, limits); }

  Result<Upload> upload(const std::string& bytes) {
    Result<std::unique_ptr<IncomingUpload>> incoming = store_->begin();
    if (!incoming) {
      return incoming.error();
    }
    for (const char& byte : bytes) {
      if (const Result<> written = (*incoming)->write({&byte, 1}); !written) {
        return written.error();
      }
    }
    return keep(std::move(*incoming));
  }
  Result<Upload> keep(std::unique_ptr<IncomingUpload> incoming) {
    std::promise<Result<Upload>> kept;
    store_->keep(std::move(incoming),
                 [&kept](Result<Upload> result) { kept.set_value(std::move(result)); });
    return kept.get_future().get();
  }
  bool has(const Upload& upload) { return store_->open(upload.id).has_value(); }

  ManualClock clock_;
  Stores stores_;
  std::unique_ptr<UploadStore> store_;
};

using Kinds = ::testing::Types<DiskStores, MemoryStores>;
TYPED_TEST_SUITE(UploadStoreContract, Kinds);

TYPED_TEST(UploadStoreContract, GivesBackWhatItTook) {
  this->open();
  const Result<Upload> upload = this->upload("3:abc");
  ASSERT_TRUE(upload);
  EXPECT_EQ(upload->files, 3);
  EXPECT_EQ(upload->unpacked_bytes, 50);
  EXPECT_EQ(upload->bytes, 5);
  DigestStream digest;
  digest.add("3:abc");
  EXPECT_EQ(upload->digest, digest.finish());
  EXPECT_EQ(this->store_->touch(upload->id).value(), *upload);
  const Result<OpenUpload> opened = this->store_->open(upload->id);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->upload, *upload);
  EXPECT_EQ(content_of(opened->file), "3:abc");
  const Result<Upload> other = this->upload("3:abc");
  EXPECT_NE(other->id, upload->id) << "whoever uploads owns what they have, and nobody else's";
  EXPECT_EQ(this->store_->stats().kept, 2);
  EXPECT_EQ(this->store_->stats().bytes, 10);
}

TYPED_TEST(UploadStoreContract, KnowsNoOther) {
  this->open();
  ASSERT_TRUE(this->upload("1:"));
  for (const char* id : {"", "none", "..", "../uploads", "incoming", "x/y", ".info"}) {
    EXPECT_EQ(this->store_->open(id).error().code, ErrorCode::NotFound) << id;
    EXPECT_EQ(this->store_->touch(id).error().code, ErrorCode::NotFound) << id;
    this->store_->hold(id);
    this->store_->release(id);
  }
}

TYPED_TEST(UploadStoreContract, RefusesWhatTheCheckRefuses) {
  this->open();
  const Result<Upload> upload = this->upload("evil");
  EXPECT_EQ(upload.error().kind, "archive_refused");
  EXPECT_EQ(upload.error().message, "entry \"x\": is evil");
  EXPECT_EQ(this->store_->stats().kept, 0);
  EXPECT_EQ(this->store_->stats().bytes, 0);
}

TYPED_TEST(UploadStoreContract, WhatIsGivenUpLeavesNothing) {
  this->open({.kept_max = 1, .bytes_max = 10});
  for (int i = 0; i < 3; ++i) {
    auto incoming = this->store_->begin();
    ASSERT_TRUE(incoming);
    ASSERT_TRUE((*incoming)->write("12345678"));
    EXPECT_EQ(this->store_->stats().bytes, 8);
  }
  EXPECT_EQ(this->store_->stats().bytes, 0);
  EXPECT_TRUE(this->upload("1:345678"));
}

TYPED_TEST(UploadStoreContract, GoesWhenNobodyNeedsItForAWhile) {
  this->open();
  const Upload unused = this->upload("1:").value();
  const Upload held = this->upload("2:").value();
  const Upload touched = this->upload("3:").value();
  this->store_->hold(held.id);
  this->store_->hold(held.id);
  this->clock_.advance(limits::kUploadKeptFor - Duration(1));
  this->store_->sweep();
  EXPECT_TRUE(this->has(unused));
  EXPECT_TRUE(this->store_->touch(touched.id));
  this->clock_.advance(Duration(1));
  this->store_->sweep();
  EXPECT_FALSE(this->has(unused));
  EXPECT_TRUE(this->has(held));
  EXPECT_TRUE(this->has(touched));
  this->store_->release(held.id);
  this->clock_.advance(limits::kUploadKeptFor);
  this->store_->sweep();
  EXPECT_TRUE(this->has(held)) << "one of its jobs still lives";
  EXPECT_FALSE(this->has(touched));
  this->store_->release(held.id);
  this->clock_.advance(limits::kUploadKeptFor - Duration(1));
  this->store_->sweep();
  EXPECT_TRUE(this->has(held)) << "so that its job can be retried";
  this->clock_.advance(Duration(1));
  this->store_->sweep();
  EXPECT_FALSE(this->has(held));
  EXPECT_EQ(this->store_->stats().bytes, 0);
}

TYPED_TEST(UploadStoreContract, ANewOneTakesThePlaceOfTheLongestIdle) {
  this->open({.kept_max = 3});
  const Upload first = this->upload("1:").value();
  this->clock_.advance(Duration(1'000));
  const Upload second = this->upload("2:").value();
  const Upload held = this->upload("3:").value();
  this->store_->hold(held.id);
  const Error full = this->upload("4:").error();
  EXPECT_EQ(full.limit, "kUploadsKeptMax");
  EXPECT_EQ(full.limit_value, 3);
  EXPECT_EQ(full.kind, "rate_limited");
  this->clock_.advance(limits::kUploadKeptMin);
  EXPECT_TRUE(this->upload("5:"));
  EXPECT_FALSE(this->has(first));
  EXPECT_TRUE(this->has(second));
  EXPECT_TRUE(this->upload("6:"));
  EXPECT_FALSE(this->has(second));
  EXPECT_TRUE(this->has(held));
  EXPECT_FALSE(this->upload("7:")) << "one is held, the others have just come";
}

TYPED_TEST(UploadStoreContract, AllTogetherHaveSoManyBytes) {
  this->open({.bytes_max = 12});
  const Upload first = this->upload("1:345678").value();
  const Error full = this->upload("1:345").error();
  EXPECT_EQ(full.limit, "kUploadsBytesMax");
  EXPECT_EQ(full.limit_value, 12);
  EXPECT_EQ(full.kind, "rate_limited");
  EXPECT_TRUE(this->has(first));
  EXPECT_EQ(this->store_->stats().bytes, 8);
  EXPECT_TRUE(this->upload("1:34"));
  this->clock_.advance(limits::kUploadKeptMin);
  EXPECT_TRUE(this->upload("1:345"));
  EXPECT_FALSE(this->has(first));
  EXPECT_LE(this->store_->stats().bytes, 12);
}

TYPED_TEST(UploadStoreContract, ReadersKeepWhatIsRemoved) {
  this->open();
  const Upload upload = this->upload("1:abc").value();
  const OpenUpload opened = this->store_->open(upload.id).value();
  this->clock_.advance(limits::kUploadKeptFor);
  this->store_->sweep();
  EXPECT_FALSE(this->has(upload));
  EXPECT_EQ(content_of(opened.file), "1:abc");
}

}  // namespace
}  // namespace hearth::uploads
