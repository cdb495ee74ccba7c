// The `metal` command.
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "metal/front/commands.h"
#include "metal/main/commands.h"

namespace {

constexpr const char* kUsage = R"(usage: metal COMMAND [ARGUMENTS]

  check     apply rules to a code base
  explain   say what a rule means, or list the rules of the packs
  test      run rules against sources with // expect: comments
  extract   parse one file into a function file
  cc        stand in for the compiler and keep function files beside
  index     print the index of rules for docs/rules/README.md

`metal COMMAND --help` says more; so does metal(1).
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace quire::metal;
  std::string command = argc > 1 ? argv[1] : "";
  std::vector<std::string> arguments(argv + (argc > 1 ? 2 : 1), argv + argc);
  if (command == "check") return check_command(arguments);
  if (command == "explain") return explain_command(arguments);
  if (command == "test") return test_command(arguments);
  if (command == "index") return index_command(arguments);
  if (command == "extract") return extract_main(argc - 1, argv + 1);
  if (command == "cc") return cc_main(argc - 1, argv + 1);
  if (command == "help" || command == "--help" || command == "-h") {
    std::cout << kUsage;
    return kClean;
  }
  if (command == "--version") {
    std::cout << "metal 0.1.0\n";
    return kClean;
  }
  if (!command.empty()) std::cerr << "metal: unknown command '" << command << "'\n";
  std::cerr << kUsage;
  return kWrongUse;
}
