// metal cc: the compiler, and beside it the function file.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "metal/front/cache.h"
#include "metal/front/commands.h"
#include "metal/front/files.h"

namespace quire::metal {

namespace {

constexpr const char* kUsage =
    "usage: metal cc COMPILER ARGS...\n"
    "\n"
    "Runs the compiler as it stands there and, when that compiles one C or C++ file, stores the function\n"
    "file in the cache METAL_CACHE (if set) and the command in METAL_COMMANDS (default:\n"
    "compile_commands.json in the current directory), for metal check -p. For builds:\n"
    "  make CC=\"metal cc gcc\"\n";

/// Adds one entry to a compile_commands.json that other compilers of the same build add to as well.
Result<> add_command(const std::string& path, const CompileCommand& command, const std::string& compiler) {
  const std::string lock_path = path + ".lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return err(errno);
  Result<> result;
  if (flock(lock, LOCK_EX) != 0) {
    result = err(errno);
  } else {
    nlohmann::json list = nlohmann::json::array();
    if (const auto text = read_file(path); text) {
      list = nlohmann::json::parse(*text, nullptr, false);
      if (!list.is_array()) list = nlohmann::json::array();
    }
    std::erase_if(list.get_ref<nlohmann::json::array_t&>(), [&](const nlohmann::json& e) {
      return e.is_object() && e.value("file", "") == command.file &&
             e.value("directory", "") == command.directory;
    });
    nlohmann::json words = nlohmann::json::array({compiler});
    for (const std::string& word : command.arguments) words.push_back(word);
    words.push_back(command.file);
    list.push_back({{"directory", command.directory}, {"file", command.file}, {"arguments", words}});
    result = write_file_atomically(path, list.dump(1));
  }
  close(lock);
  return result;
}

}  // namespace

int cc_main(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) == "--help") {
    fmt::print(argc < 2 ? stderr : stdout, "{}", kUsage);
    return argc < 2 ? 2 : 0;
  }
  const std::vector<std::string> words(argv + 1, argv + argc);
  const pid_t child = fork();
  if (child < 0) {
    fmt::print(stderr, "metal cc: {}\n", strerrordesc_np(errno));
    return 2;
  }
  if (child == 0) {
    execvp(argv[1], argv + 1);
    fmt::print(stderr, "metal cc: {}: {}\n", argv[1], strerrordesc_np(errno));
    _exit(127);
  }
  std::error_code ec;
  const CompileCommand command = parse_command_words(std::filesystem::current_path(ec).string(), words);
  if (!command.file.empty()) {
    const char* commands = std::getenv("METAL_COMMANDS");
    const std::string path = commands != nullptr && *commands != '\0' ? commands : "compile_commands.json";
    if (const auto added = add_command(path, command, words[0]); !added)
      fmt::print(stderr, "metal cc: {}: {}\n", path, added.error().message());
    if (const char* cache = std::getenv("METAL_CACHE"); cache != nullptr && *cache != '\0') {
      Symbols symbols;
      // What the parser minds, the compiler says too; what it does not, metal check says again.
      (void)Cache(cache).get(command, symbols);
    }
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace quire::metal
