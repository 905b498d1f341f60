#include "callbacks/answer_head.h"

#include <gtest/gtest.h>

#include <string>

#include "base/task_limits.h"

namespace hearth::callbacks {
namespace {

int status_of(const std::string& bytes) {
  const auto status = read_status(bytes);
  return !status ? -1 : *status ? **status : 0;
}

TEST(AnswerHeadTest, TheStatusOnceTheHeadIsThere) {
  const std::string head = "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n";
  EXPECT_EQ(status_of(head), 204);
  for (std::size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(status_of(head.substr(0, size)), -1) << size;
  }
  EXPECT_EQ(status_of("HTTP/1.0 302\r\n\r\n"), 302);
  EXPECT_EQ(status_of("HTTP/1.1 100 Continue\r\n\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody"), 200);
}

TEST(AnswerHeadTest, WhatIsNone) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH\r\n", "x", "HTTP/2 200\r\n\r\n", "HTTP/1.2 200 \r\n\r\n",
        "HTTP/1.1\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 -20 \r\n\r\n",
        "HTTP/1.1 099 \r\n\r\n", "HTTP/1.1 abc\r\n\r\n"}) {
    EXPECT_EQ(status_of(bytes), 0) << bytes;
  }
  const std::string endless =
      "HTTP/1.1 200 OK\r\nX: " +
      std::string(static_cast<std::size_t>(limits::kCallbackAnswerBytesMax), 'x');
  EXPECT_EQ(status_of(endless), 0);
}

}  // namespace
}  // namespace hearth::callbacks
