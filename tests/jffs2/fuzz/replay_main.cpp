// A fuzz target without libFuzzer: tries the files named (cases once found, kept for good), and with
// --mutate COUNT that many changes of each, always the same ones.
//
//   usage: TARGET [--mutate COUNT] FILE...
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/jffs2/fuzz/reseal.h"
#include "tests/jffs2/fuzz/target.h"

int main(int argc, char** argv) {
  using quire::u8;
  unsigned long count = 0;
  int first = 1;
  if (argc > 2 && std::string(argv[1]) == "--mutate") {
    count = std::strtoul(argv[2], nullptr, 10);
    first = 3;
  }
  for (int i = first; i < argc; i++) {
    std::ifstream file(argv[i], std::ios::binary);
    std::vector<u8> original{std::istreambuf_iterator<char>(file), {}};
    quire::jffs2::fuzz::run_one(original);
    for (unsigned long n = 0; n < count; n++) {
      std::vector<u8> changed = original;
      quire::jffs2::fuzz::mutate_nodes(changed, n * 977 + static_cast<unsigned long>(i));
      if (n % 16 != 1) quire::jffs2::fuzz::reseal(changed);
      quire::jffs2::fuzz::run_one(changed);
    }
  }
  return 0;
}
