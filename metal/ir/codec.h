// The function file on disk: compact, versioned, checked. Reading trusts nothing.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metal/ir/unit.h"

namespace quire::metal {

/// Goes up whenever the format or the meaning of what is stored changes.
inline constexpr u32 kFormatVersion = 1;

/// Why a function file was not read.
struct CodecError {
  std::string what;
};

/// A hash of all that encode() stores of a function but Function::hash itself.
ContentHash content_hash(const Function& function);

/// The bytes of a function file.
std::string encode(const Unit& unit);

/// One function as listed in the directory of a file: enough to skip what is known already.
struct FunctionEntry {
  Symbol name, link;
  ContentHash hash{};
  bool internal = false, in_header = false;
  u32 offset = 0, length = 0;  ///< of the encoded body
};

/// A function file in memory whose functions are decoded one at a time. Functions with equal hashes are
/// equal, whatever unit they come from. load() may be called from several threads.
class UnitReader {
 public:
  /// Takes over `bytes`. Checks the magic, the version, all lengths and the checksum.
  static std::expected<std::unique_ptr<UnitReader>, CodecError> open(std::string bytes, Symbols& symbols);

  const std::vector<FunctionEntry>& directory() const { return directory_; }
  std::expected<Function, CodecError> load(std::size_t index) const;
  Symbols& symbols() const { return symbols_; }
  /// All but the functions.
  const Unit& unit() const { return unit_; }

 private:
  explicit UnitReader(Symbols& symbols) : symbols_(symbols) {}
  Symbols& symbols_;
  std::string bytes_;
  std::vector<std::string_view> names_;  // in bytes_
  std::string_view bodies_;
  std::vector<FunctionEntry> directory_;
  Unit unit_;
};

/// Reads all of a function file.
std::expected<Unit, CodecError> decode(std::string bytes, Symbols& symbols);

}  // namespace quire::metal
