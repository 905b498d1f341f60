#include "tls/descriptor_bio.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <memory>

namespace hearth::tls {

namespace {

int fd_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_retry(int number) {
  return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

int write_descriptor(BIO* bio, const char* bytes, int size) {
  BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  const auto sent =
      ::send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && is_retry(errno)) {
    BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY);
  }
  return static_cast<int>(sent);
}

int read_descriptor(BIO* bio, char* space, int size) {
  BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  const auto received = ::recv(fd_of(bio), space, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (received < 0 && is_retry(errno)) {
    BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
  } else if (received == 0) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  }
  return static_cast<int>(received);
}

long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

struct MethodFreer {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};
using MethodPtr = std::unique_ptr<BIO_METHOD, MethodFreer>;

MethodPtr make_method() {
  MethodPtr method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hearth descriptor"));
  BIO_meth_set_write(method.get(), write_descriptor);
  BIO_meth_set_read(method.get(), read_descriptor);
  BIO_meth_set_ctrl(method.get(), control);
  return method;
}

}  // namespace

BIO* make_descriptor_bio(int fd) {
  static const MethodPtr shared = make_method();
  BIO* bio = BIO_new(shared.get());
  if (bio != nullptr) {
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    BIO_set_init(bio, 1);
  }
  return bio;
}

}  // namespace hearth::tls
