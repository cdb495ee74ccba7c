#include "kernel/net/registry.h"

namespace quire::net {

Registry& Registry::instance() {
  static Registry* registry = new Registry;  // lives as long as the process: sockets end late
  return *registry;
}

Result<> Registry::bind(const std::string& key, Ref<Endpoint> endpoint, Ref<vfs::Inode> node) {
  LockGuard guard(lock_);
  auto [at, fresh] = entries_.try_emplace(key);
  if (!fresh) return err(EADDRINUSE);
  at->second = {std::move(endpoint), std::move(node)};
  return {};
}

void Registry::unbind(const std::string& key, const Endpoint& endpoint) {
  Entry dropped;  // declared first, so it goes after the lock: dropping an inode may do work
  LockGuard guard(lock_);
  auto at = entries_.find(key);
  if (at == entries_.end() || at->second.endpoint.get() != &endpoint) return;
  dropped = std::move(at->second);
  entries_.erase(at);
}

Ref<Endpoint> Registry::find(const std::string& key) const {
  LockGuard guard(lock_);
  auto at = entries_.find(key);
  return at == entries_.end() ? Ref<Endpoint>() : at->second.endpoint;
}

}  // namespace quire::net
