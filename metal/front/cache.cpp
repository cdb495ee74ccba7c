#include "metal/front/cache.h"

#include <fmt/format.h>
#include <llvm/Support/xxhash.h>
#include <sys/stat.h>

#include <filesystem>

#include "metal/front/files.h"

namespace quire::metal {

namespace {

/// The name of the entry of a command: all that the result depends on but the content of files.
std::string entry_name(const CompileCommand& command) {
  std::string text = extractor_version();
  const auto add = [&](const std::string& s) {
    text += '\0';
    text += s;
  };
  add(command.directory);
  add(command.file);
  for (const std::string& argument : command.arguments) add(argument);
  const auto hash = llvm::xxh3_128bits(llvm::ArrayRef(reinterpret_cast<const u8*>(text.data()), text.size()));
  return fmt::format("{:016x}{:016x}.qmf", hash.high64, hash.low64);
}

}  // namespace

Cache::Cache(std::string directory) : directory_(std::move(directory)) {
  std::error_code ec;
  if (!directory_.empty()) std::filesystem::create_directories(directory_, ec);
  // A directory that cannot be made is one in which nothing is found and nothing stays.
}

bool Cache::is_current(const Dependency& d) {
  // Each file is looked at once in a run: headers are shared by all units, and one that changes meanwhile
  // must not be old for one unit and new for the next.
  {
    const LockGuard guard(lock_);
    if (const auto it = files_.find(d.path); it != files_.end()) {
      const FileState& known = it->second;
      if (!known.exists || known.size != d.size) return false;
      if (d.mtime_ns != 0 && known.mtime_ns == d.mtime_ns) return true;
      if (known.hashed) return known.hash == d.hash;
    }
  }
  FileState state;
  struct stat st{};
  if (stat(d.path.c_str(), &st) == 0) {
    state.exists = true;
    state.size = static_cast<u64>(st.st_size);
    state.mtime_ns = i64{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  }
  const bool same_time = state.exists && d.mtime_ns != 0 && state.mtime_ns == d.mtime_ns;
  if (state.exists && state.size == d.size && !same_time) {
    state.hash = file_hash(d.path);
    state.hashed = true;
  }
  const LockGuard guard(lock_);
  files_[d.path] = state;
  // Same size and time is taken for the same content.
  return state.exists && state.size == d.size && (same_time || state.hash == d.hash);
}

std::expected<Cache::Outcome, ExtractError> Cache::get(const CompileCommand& command, Symbols& symbols) {
  const std::string path = directory_.empty() ? std::string() : directory_ + "/" + entry_name(command);
  Outcome outcome;
  if (!path.empty()) {
    if (auto bytes = read_file(path); bytes) {
      if (auto unit = UnitReader::open(std::move(*bytes), symbols); unit) {
        bool current = !(*unit)->unit().dependencies.empty();
        for (const Dependency& d : (*unit)->unit().dependencies) current = current && is_current(d);
        if (current) {
          outcome.unit = std::move(*unit);
          return outcome;
        }
      }
    }
  }
  auto made = extract(command, symbols);
  if (!made) return std::unexpected(made.error());
  std::string bytes = encode(*made);
  // Not being able to keep an entry costs time later, and is no error now.
  if (!path.empty()) (void)write_file_atomically(path, bytes);
  auto unit = UnitReader::open(std::move(bytes), symbols);
  if (!unit) return std::unexpected(ExtractError{unit.error().what});
  outcome.unit = std::move(*unit);
  outcome.parsed = true;
  return outcome;
}

}  // namespace quire::metal
