// A flash chip in an image file.
#pragma once

#include <memory>
#include <string>

#include "jffs2/flash/device.h"

namespace quire::jffs2 {

/// How an image file lays a chip out.
struct FileDeviceOptions {
  u32 erase_size = 65536;
  u32 page_size = 1;         ///< 1: NOR
  u32 oob_size = 0;          ///< NAND's OOB bytes a page
  bool oob_in_file = false;  ///< each page is followed by its OOB in the file; else the chip has none
  u64 file_offset = 0;       ///< where in the file the chip starts
  u64 size = 0;              ///< bytes of data of the chip; 0: what the file holds from file_offset, rounded
                             ///< up to a block (what lies past the end of file reads as erased)
  bool read_only = true;
  bool create = false;   ///< make the file, erased, of `size` bytes (an existing one is emptied)
  bool durable = false;  ///< sync() reaches the disk (fdatasync); else it is a no-op
};

/// Maps the file; writing devices hold a flock and extend a short file with 0xFF. ENOENT, EACCES, ...
/// of open(2); EINVAL: impossible geometry; EBUSY: another writer has it; EFBIG: over 4 GiB - 1 block.
Result<std::unique_ptr<FlashDevice>> open_file_device(const std::string& path,
                                                      const FileDeviceOptions& options);

}  // namespace quire::jffs2
