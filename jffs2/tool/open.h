// What every reading command starts with: the file, the file system in it, the tree.
#pragma once

#include <memory>
#include <string>

#include "jffs2/tool/failure.h"
#include "jffs2/tool/image_file.h"
#include "jffs2/tool/survey.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {

struct InputOptions {
  std::string path;
  u64 offset = 0;  ///< of the first byte to look at
  u64 size = 0;    ///< bytes to look at; 0: to the end
  SurveyHints hints;
};

/// A file with everything that was found in it.
class Opened {
 public:
  static Outcome<std::unique_ptr<Opened>> open(const InputOptions& options);

  /// The one file system to work on; fails, naming what there is, when there are none or several.
  /// Leftovers behind an end marker do not count when there is something before it.
  Outcome<const FoundSystem*> only_system() const;

  const Survey& survey() const { return survey_; }
  /// What the offsets of nodes refer to: the file from `offset`, without spare bytes.
  std::span<const u8> bytes() const;
  /// Where in the file the byte at `offset` of bytes() stands.
  u64 file_offset(u64 offset) const;

 private:
  explicit Opened(ImageFile file) : file_(std::move(file)) {}

  ImageFile file_;
  std::span<const u8> window_;
  u64 start_ = 0;
  Survey survey_;
};

/// "little endian, 42 nodes at 0x140000" for messages.
std::string describe(const Opened& opened, const FoundSystem& system);

/// Prints "jffs2: MESSAGE" on standard error and returns kFailure.
int complain(const Failure& failure);
void warn(const std::string& message);

}  // namespace quire::jffs2
