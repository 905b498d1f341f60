#include "archive/tar_records.h"

#include <gtest/gtest.h>

#include "archive/archive.h"
#include "archive/testing/tar_builder.h"

namespace hearth::archive::tar {
namespace {

using testing::pax;
using testing::PaxRecords;

const Header kHeader{.name = "short", .mode = 0644, .bytes = 100, .type = '0'};

std::string why_not(std::string_view contents, char type = kPax) {
  Described described;
  const Result<> verdict = described.add(type, contents);
  return verdict ? "" : verdict.error().message;
}
std::string why_not(const PaxRecords& records, char type = kPax) {
  return why_not(pax(records).contents, type);
}

TEST(TarRecordsTest, PaxGivesAnotherName) {
  Described described;
  const std::string name(300, 'n');
  ASSERT_TRUE(described.add(
      kPax, pax({{"mtime", "1.5"}, {"path", name}, {"SCHILY.xattr.user.a", "x\n=y"}}).contents));
  EXPECT_EQ(described.applied_to(kHeader)->name, name);
  EXPECT_EQ(described.applied_to(kHeader)->bytes, 100);
}

TEST(TarRecordsTest, GnuGivesAnotherName) {
  Described described;
  ASSERT_TRUE(described.add(kLongName, std::string_view("a/long/name\0", 12)));
  EXPECT_EQ(described.applied_to(kHeader)->name, "a/long/name");
  Described unended;
  ASSERT_TRUE(unended.add(kLongName, "another"));
  EXPECT_EQ(unended.applied_to(kHeader)->name, "another");
  ASSERT_TRUE(unended.add(kLongLink, "where/to"));
}

TEST(TarRecordsTest, ASizeOnlyForWhatTheHeaderCannotSay) {
  Described described;
  ASSERT_TRUE(described.add(kPax, pax({{"size", "8589934592"}}).contents));
  EXPECT_EQ(described.applied_to({.name = "a", .bytes = 0})->bytes, 8'589'934'592);
  Described same;
  ASSERT_TRUE(same.add(kPax, pax({{"size", "100"}}).contents));
  EXPECT_EQ(same.applied_to(kHeader)->bytes, 100);
  for (const char* other : {"0", "99", "8589934591"}) {
    Described differs;
    ASSERT_TRUE(differs.add(kPax, pax({{"size", other}}).contents));
    const Result<Header> verdict = differs.applied_to(kHeader);
    ASSERT_FALSE(verdict) << other;
    EXPECT_EQ(verdict.error().message, "entry \"short\": it has two sizes");
  }
}

TEST(TarRecordsTest, SizesThatAreNoneAreRefused) {
  for (const char* size : {"", "-1", "+1", " 1", "1 ", "0x1", "1.5", "9223372036854775808"}) {
    EXPECT_EQ(why_not({{"size", size}}), "its size is no number") << size;
  }
}

TEST(TarRecordsTest, RecordsMustBeWhole) {
  for (const std::string_view contents :
       {"x", "5", "5 ", " a=b\n", "0 a=b\n", "-6 a=b\n", "5 a=b\n", "7 a=b\n", "6 a=bc", "5 =b\n",
        "6 abc\n", "6 a=b\nx", "99999999999999999999 a=b\n", "4 =\n", "3 \n"}) {
    EXPECT_EQ(why_not(contents), "its pax records are damaged") << contents;
  }
  EXPECT_EQ(why_not("6 a=b\n"), "");
  EXPECT_EQ(why_not("5 a=\n"), "");
  EXPECT_EQ(why_not("6 a=b\n7 c=de\n"), "");
  EXPECT_EQ(why_not(std::string_view()), "");
}

TEST(TarRecordsTest, NothingIsSaidTwice) {
  EXPECT_EQ(why_not({{"path", "a"}, {"path", "a"}}), "a pax record is there twice: \"path\"");
  Described two;
  ASSERT_TRUE(two.add(kPax, pax({{"path", "a"}}).contents));
  EXPECT_EQ(two.add(kPax, "").error().message, "an entry is described twice");
  EXPECT_EQ(two.add(kLongName, "a").error().message, "it has two long names");
}

TEST(TarRecordsTest, WhatIsSaidOfAllEntriesIsOnlyAComment) {
  // What git archive writes.
  EXPECT_EQ(why_not({{"comment", "0123456789abcdef"}}, kPaxGlobal), "");
  for (const char* key : {"path", "size", "mtime", "GNU.sparse.major"}) {
    EXPECT_NE(why_not({{key, "1"}}, kPaxGlobal).find("for all entries is not taken"),
              std::string::npos)
        << key;
  }
}

TEST(TarRecordsTest, SparseFilesAndCapabilitiesAreRefused) {
  EXPECT_NE(why_not({{"GNU.sparse.major", "1"}}).find("sparse"), std::string::npos);
  EXPECT_NE(why_not({{"SCHILY.realsize", "1"}}).find("sparse"), std::string::npos);
  EXPECT_NE(why_not({{"SCHILY.xattr.security.capability", "x"}}).find("capabilities"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::archive::tar
