// Interned text. Two symbols from one Symbols table are equal exactly when their text is, so that
// names compare as pointers across units, rules and threads.
#pragma once

#include <array>
#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/lock.h"
#include "base/types.h"

namespace quire::metal {

/// A name; null when absent. Valid as long as the Symbols table that made it. Order symbols by text()
/// when the order can be seen by a user: addresses differ from run to run.
class Symbol {
 public:
  constexpr Symbol() = default;
  std::string_view text() const { return text_ != nullptr ? std::string_view(*text_) : std::string_view(); }
  explicit operator bool() const { return text_ != nullptr; }
  friend bool operator==(Symbol, Symbol) = default;
  /// Identity as a number, for hashing only.
  std::size_t hash() const { return std::hash<const void*>{}(text_); }

 private:
  friend class Symbols;
  explicit constexpr Symbol(const std::string* text) : text_(text) {}
  const std::string* text_ = nullptr;
};

/// The table of interned names of one run. Thread-safe; nothing is ever removed.
class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  /// The symbol of `text`; the empty text gives the null symbol.
  Symbol intern(std::string_view text);
  /// The symbol of `text` when it was interned before, else the null symbol.
  Symbol find(std::string_view text) const;

 private:
  struct Shard;
  static constexpr std::size_t kShards = 64;
  Shard& shard(std::string_view text) const;
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace quire::metal

template <>
struct std::hash<quire::metal::Symbol> {
  std::size_t operator()(quire::metal::Symbol s) const noexcept { return s.hash(); }
};
