#include "metal/ir/symbol.h"

#include "metal/ir/lock_order.h"

namespace quire::metal {

/// Text lookup without making a string first.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};

struct Symbols::Shard {
  mutable Mutex<kSymbolLock> lock;
  std::unordered_set<std::string, TextHash, std::equal_to<>> names GUARDED_BY(lock);
};

Symbols::Symbols() : shards_(std::make_unique<std::array<Shard, kShards>>()) {}
Symbols::~Symbols() = default;

Symbols::Shard& Symbols::shard(std::string_view text) const {
  // The low bits choose the bucket inside the shard: take high ones here.
  return (*shards_)[(TextHash{}(text) >> 40) % kShards];
}

Symbol Symbols::intern(std::string_view text) {
  if (text.empty()) return {};
  Shard& s = shard(text);
  const LockGuard guard(s.lock);
  auto it = s.names.find(text);
  if (it == s.names.end()) it = s.names.emplace(text).first;
  return Symbol(&*it);
}

Symbol Symbols::find(std::string_view text) const {
  if (text.empty()) return {};
  Shard& s = shard(text);
  const LockGuard guard(s.lock);
  const auto it = s.names.find(text);
  return it == s.names.end() ? Symbol() : Symbol(&*it);
}

}  // namespace quire::metal
