// Function files come from a cache that others can write to: whatever is in one, reading it and printing it
// neither crashes nor hangs. The input is the part behind the checksum, which is made to fit.
#include <llvm/Support/xxhash.h>

#include "base/byte_order.h"
#include "metal/ir/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace quire::metal;
  std::string bytes = "QMFF";
  char number[8];
  quire::store(number, kFormatVersion, std::endian::little);
  bytes.append(number, 4);
  quire::store(number,
               quire::u64{llvm::xxh3_64bits(llvm::StringRef(reinterpret_cast<const char*>(data), size))},
               std::endian::little);
  bytes.append(number, 8);
  bytes.append(reinterpret_cast<const char*>(data), size);
  Symbols symbols;
  if (const auto unit = decode(std::move(bytes), symbols); unit) (void)dump(*unit);
  return 0;
}
