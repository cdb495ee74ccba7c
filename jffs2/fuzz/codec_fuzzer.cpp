#include "jffs2/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const quire::u8* data, std::size_t size) {
  quire::jffs2::fuzz_codec({data, size});
  return 0;
}
