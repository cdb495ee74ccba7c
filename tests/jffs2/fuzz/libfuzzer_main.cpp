// Ties a target to libFuzzer, with a mutator that keeps CRCs right most of the time.
#include "tests/jffs2/fuzz/reseal.h"
#include "tests/jffs2/fuzz/target.h"

extern "C" std::size_t LLVMFuzzerMutate(quire::u8* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const quire::u8* data, std::size_t size) {
  quire::jffs2::fuzz::run_one({data, size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(quire::u8* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 3 == 0)
    size = LLVMFuzzerMutate(data, size, max_size);
  else
    quire::jffs2::fuzz::mutate_nodes({data, size}, seed);
  if (seed % 16 != 1) quire::jffs2::fuzz::reseal({data, size});
  return size;
}
