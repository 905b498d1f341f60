// OpenSSL's view of a descriptor. Its own socket BIO writes without MSG_NOSIGNAL: a peer that left
// would end the process by SIGPIPE. Private to tls/.
#pragma once

#include <openssl/bio.h>

namespace hearth::tls {

// A BIO that reads and writes `fd` without ever blocking and does not close it.
BIO* make_descriptor_bio(int fd);

}  // namespace hearth::tls
