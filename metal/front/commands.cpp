#include "metal/front/commands.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "metal/front/files.h"
#include "metal/front/flags.h"

namespace quire::metal {

namespace {

/// The words of a shell command line; `stops` gets the places between words where a command ends (; & |
/// newline).
std::vector<std::string> shell_words(std::string_view line, std::vector<std::size_t>* stops) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  const auto finish = [&] {
    if (in_word) words.push_back(std::move(word));
    word.clear();
    in_word = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\'') {
      in_word = true;
      const std::size_t end = std::min(line.find('\'', i + 1), line.size());
      word += line.substr(i + 1, end - i - 1);
      i = end;
    } else if (c == '"') {
      in_word = true;
      for (++i; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] == '\\' && i + 1 < line.size() &&
            std::string_view("\"\\$`\n").find(line[i + 1]) != std::string_view::npos)
          ++i;
        word += line[i];
      }
    } else if (c == '\\' && i + 1 < line.size()) {
      in_word = true;
      word += line[++i];
    } else if (c == ';' || c == '&' || c == '|' || c == '\n') {
      finish();
      if (stops != nullptr && (stops->empty() || stops->back() != words.size()))
        stops->push_back(words.size());
    } else if (c == ' ' || c == '\t') {
      finish();
    } else {
      in_word = true;
      word += c;
    }
  }
  finish();
  if (stops != nullptr) stops->push_back(words.size());
  return words;
}

/// Whether a word names a compiler: gcc, clang-19, x86_64-linux-gnu-g++, cc, also behind ccache and the like.
bool is_compiler(const std::string& word) {
  const std::string name = std::filesystem::path(word).filename().string();
  static constexpr std::array kNames = {"gcc", "g++", "cc", "c++", "clang", "clang++"};
  for (const std::string_view known : kNames) {
    const std::size_t at = name.rfind(known);
    if (at == std::string::npos || (at != 0 && name[at - 1] != '-')) continue;
    // A version may follow: -12, -19.1.
    if (name.find_first_not_of("-0123456789.", at + known.size()) == std::string::npos) return true;
  }
  return false;
}

/// Options whose value is the next word.
bool takes_value(const std::string& word) {
  static const std::set<std::string> kOptions = {"-o",
                                                 "-I",
                                                 "-D",
                                                 "-U",
                                                 "-include",
                                                 "-imacros",
                                                 "-isystem",
                                                 "-iquote",
                                                 "-idirafter",
                                                 "-x",
                                                 "-MF",
                                                 "-MT",
                                                 "-MQ",
                                                 "-L",
                                                 "-l",
                                                 "-T",
                                                 "-u",
                                                 "-z",
                                                 "-Xclang",
                                                 "-Xlinker",
                                                 "-target",
                                                 "-isysroot",
                                                 "-iprefix",
                                                 "-iwithprefix",
                                                 "--param",
                                                 "-arch",
                                                 "-aux-info",
                                                 "-Xassembler",
                                                 "-Xpreprocessor",
                                                 "-resource-dir"};
  return kOptions.count(word) != 0;
}

}  // namespace

void sort_and_drop_doubles(std::vector<CompileCommand>& commands) {
  // By path; of several commands for one file the first stays.
  std::map<std::string, CompileCommand> by_path;
  for (CompileCommand& c : commands) {
    std::string path = c.file.starts_with('/') ? c.file : c.directory + "/" + c.file;
    by_path.try_emplace(std::move(path), std::move(c));
  }
  commands.clear();
  for (auto& [path, command] : by_path) commands.push_back(std::move(command));
}

CompileCommand parse_command_words(const std::string& directory, const std::vector<std::string>& words) {
  CompileCommand command;
  std::size_t i = 0;
  // Wrappers and assignments before the compiler: ccache gcc, CCACHE_DIR=x gcc.
  while (i < words.size() && i < 4 && !is_compiler(words[i])) ++i;
  if (i >= words.size() || !is_compiler(words[i])) return command;
  const bool cxx_compiler = words[i].find("++") != std::string::npos;
  command.directory = directory;
  bool compiles = false;
  std::string language;
  for (++i; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "-c" || word == "-fsyntax-only" || word == "-S") compiles = true;
    if (word == "-E" || word == "-M" || word == "-MM") return {};
    if (takes_value(word) && i + 1 < words.size()) {
      if (word == "-x") language = words[i + 1];
      command.arguments.push_back(word);
      command.arguments.push_back(words[++i]);
    } else if (!word.starts_with('-') && is_source_file(word)) {
      if (!command.file.empty()) return {};  // several at once: nobody's build does that with -c -o
      command.file = word;
    } else {
      command.arguments.push_back(word);
    }
  }
  if (!compiles || command.file.empty()) return {};
  if (language.starts_with("assembler")) return {};
  if (cxx_compiler && language.empty() && !is_cxx_file(command.file)) {
    command.arguments.insert(command.arguments.begin(), {"-x", "c++"});
  }
  return command;
}

CompileCommand parse_command_line(const std::string& directory, std::string_view line) {
  std::vector<std::size_t> stops;
  const std::vector<std::string> words = shell_words(line, &stops);
  std::size_t begin = 0;
  for (const std::size_t end : stops) {
    CompileCommand command = parse_command_words(
        directory, std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(begin),
                                            words.begin() + static_cast<std::ptrdiff_t>(end)));
    if (!command.file.empty()) return command;
    begin = end;
  }
  return {};
}

std::expected<std::vector<CompileCommand>, ExtractError> read_compile_commands(const std::string& path) {
  std::error_code ec;
  const std::string file = std::filesystem::is_directory(path, ec) ? path + "/compile_commands.json" : path;
  const auto text = read_file(file);
  if (!text) return std::unexpected(ExtractError{file + ": " + text.error().message()});
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_array()) return std::unexpected(ExtractError{file + ": not a list of compile commands"});
  std::vector<CompileCommand> commands;
  for (const nlohmann::json& entry : json) {
    const auto field = [&](const char* name) -> std::string {
      if (!entry.is_object()) return {};
      const auto it = entry.find(name);
      return it != entry.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    const std::string source = field("file");
    std::string directory = field("directory");
    if (source.empty()) return std::unexpected(ExtractError{file + ": an entry names no file"});
    if (directory.empty()) directory = std::filesystem::path(file).parent_path().string();
    if (!std::filesystem::path(directory).is_absolute())
      directory = (std::filesystem::absolute(file).parent_path() / directory).lexically_normal().string();
    std::vector<std::string> words;
    if (const auto it = entry.find("arguments"); it != entry.end() && it->is_array()) {
      for (const nlohmann::json& word : *it)
        if (word.is_string()) words.push_back(word.get<std::string>());
    } else {
      words = shell_words(field("command"), nullptr);
    }
    if (!is_source_file(source)) continue;  // assembly, resources
    CompileCommand command;
    command.directory = directory;
    command.file = source;
    // The compiler itself and the file are told by the entry, whatever their names.
    const bool cxx_compiler = !words.empty() && words[0].find("++") != std::string::npos;
    bool language = false;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i] == source ||
          (!words[i].starts_with('-') && is_source_file(words[i]) &&
           std::filesystem::path(words[i]).filename() == std::filesystem::path(source).filename()))
        continue;
      language |= words[i] == "-x";
      command.arguments.push_back(words[i]);
      if (takes_value(words[i]) && i + 1 < words.size()) command.arguments.push_back(words[++i]);
    }
    if (cxx_compiler && !language && !is_cxx_file(source))
      command.arguments.insert(command.arguments.begin(), {"-x", "c++"});
    commands.push_back(std::move(command));
  }
  sort_and_drop_doubles(commands);
  return commands;
}

}  // namespace quire::metal
