// Which local socket owns which name.
#pragma once

#include <map>

#include "kernel/net/endpoint.h"

namespace quire::net {

/// Names are keys made by local_socket.cpp: of an inode, an abstract name, or a port. Endpoints are
/// held while they are bound; unbind when the socket goes.
class Registry {
 public:
  static Registry& instance();
  /// EADDRINUSE. `node` keeps the inode, so that its identity is not reused.
  Result<> bind(const std::string& key, Ref<Endpoint> endpoint, Ref<vfs::Inode> node = {});
  void unbind(const std::string& key, const Endpoint& endpoint);
  /// Null if nobody has that name.
  Ref<Endpoint> find(const std::string& key) const;

 private:
  struct Entry {
    Ref<Endpoint> endpoint;
    Ref<vfs::Inode> node;
  };
  mutable Mutex<locks::socket_names> lock_;
  std::map<std::string, Entry> entries_ GUARDED_BY(lock_);
};

}  // namespace quire::net
