#include "metal/front/old_source.h"

#include <llvm/Support/MemoryBuffer.h>

#include <algorithm>
#include <cctype>

namespace quire::metal {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Reads C text token by token, as far as the fixes need.
class Fixer {
 public:
  explicit Fixer(std::string_view in) : in_(in) {}

  std::optional<std::string> run() {
    while (at_ < in_.size()) step();
    if (!changed_) return std::nullopt;
    return std::move(out_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  void take() { out_ += in_[at_++]; }

  void step() {
    const char c = peek();
    if (c == '/' && peek(1) == '*') return comment();
    if (c == '/' && peek(1) == '/') {
      while (at_ < in_.size() && peek() != '\n') take();
      return;
    }
    if (c == '#' && at_line_start_) return directive();
    if (c == '"') return text();
    if (c == '\'') return character();
    if (c == '(' && statement_start_ && lvalue_cast()) return;
    if (c == 'e' && depth_ == 0 && statement_start_ && array_before_its_type()) return;
    if (c == '(' && peek(1) == '(' && step_of_cast()) return;
    if (c == 's' && parens_ > 0 && (at_ == 0 || !is_word(in_[at_ - 1])) && array_parameter()) return;
    if (c == '(') ++parens_;
    if (c == ')') --parens_;
    if (c == ';') parens_ = 0;
    if (c == '{') ++depth_;
    if (c == '}') --depth_;
    if (c == '\n') {
      at_line_start_ = true;
      if (in_define_ && (at_ == 0 || in_[at_ - 1] != '\\')) {
        in_define_ = false;
        statement_start_ = true;
      }
    }
    if (!std::isspace(static_cast<unsigned char>(c))) at_line_start_ = false;
    if (c == ';' || c == '{' || c == '}')
      statement_start_ = true;
    else if (!std::isspace(static_cast<unsigned char>(c)))
      statement_start_ = false;
    take();
  }

  void comment() {
    take();
    take();
    while (at_ < in_.size() && !(peek() == '*' && peek(1) == '/')) take();
    for (int i = 0; i < 2 && at_ < in_.size(); ++i) take();
  }

  /// Leaves #include and #error lines alone: an apostrophe in them is no literal. Of #define only the name is
  /// passed.
  void directive() {
    std::size_t word = at_ + 1;
    while (word < in_.size() && (in_[word] == ' ' || in_[word] == '\t')) ++word;
    const bool has_code = in_.substr(word).starts_with("define");
    take();
    at_line_start_ = false;
    if (has_code) {
      in_define_ = true;
      return;
    }
    while (at_ < in_.size() && peek() != '\n') {
      if (peek() == '/' && peek(1) == '*') return comment();
      if (peek() == '\\' && peek(1) == '\n') take();
      take();
    }
  }

  void text() {
    at_line_start_ = statement_start_ = false;
    // Only a literal that ends somewhere: a stray quote (in assembly under #if 0, say) must not eat the file.
    std::size_t end = at_ + 1;
    bool breaks = false;
    while (end < in_.size() && in_[end] != '"') {
      if (in_[end] == '\\' && end + 1 < in_.size()) {
        ++end;
      } else if (in_[end] == '\n') {
        breaks = true;
        if (end + 1 < in_.size() && in_[end + 1] == '#') break;  // a directive ends it
      }
      ++end;
    }
    const bool ends = end < in_.size() && in_[end] == '"';
    take();
    if (!ends && breaks) return;
    while (at_ < in_.size() && peek() != '"') {
      if (peek() == '\\' && at_ + 1 < in_.size()) {
        take();
        take();
      } else if (peek() == '\n') {
        out_ += "\\n\\";
        take();
        changed_ = true;
      } else {
        take();
      }
    }
    if (at_ < in_.size()) take();
  }

  void character() {
    at_line_start_ = statement_start_ = false;
    take();
    for (int i = 0; i < 8 && at_ < in_.size() && peek() != '\n'; ++i) {
      if (peek() == '\'') {
        take();
        return;
      }
      if (peek() == '\\') take();
      if (at_ < in_.size()) take();
    }
  }

  /// At the start of a statement: `(type) lvalue = ...` and `(type) lvalue += ...` lose the cast.
  bool lvalue_cast() {
    std::size_t i = at_ + 1;
    bool word = false, star = false;
    while (i < in_.size() && in_[i] != ')' && i - at_ < 80) {
      const char c = in_[i];
      if (c == '*')
        star = true;
      else if (is_word(c))
        word = true;
      else if (c != ' ' && c != '\t')
        return false;
      ++i;
    }
    if (!word || i >= in_.size() || in_[i] != ')') return false;
    std::size_t j = i + 1;
    while (j < in_.size() && (in_[j] == ' ' || in_[j] == '\t')) ++j;
    const std::size_t operand = j;
    if (j >= in_.size() || !(std::isalpha(static_cast<unsigned char>(in_[j])) != 0 || in_[j] == '_'))
      return false;
    while (j < in_.size() &&
           (is_word(in_[j]) || in_[j] == '.' || (in_[j] == '-' && j + 1 < in_.size() && in_[j + 1] == '>')))
      j += in_[j] == '-' ? 2 : 1;
    while (j < in_.size() && (in_[j] == ' ' || in_[j] == '\t')) ++j;
    if (j + 1 >= in_.size()) return false;
    const bool assigned =
        (in_[j] == '=' && in_[j + 1] != '=') ||
        (std::string_view("+-|&^*/").find(in_[j]) != std::string_view::npos && in_[j + 1] == '=');
    // Without a star it could be a call in parentheses or arithmetic on a real value: only steps of pointers
    // matter.
    if (!assigned || !star) return false;
    out_.append(operand - at_, ' ');
    at_ = operand;
    changed_ = true;
    statement_start_ = false;
    return true;
  }

  /// `extern struct S a[N];` with S defined further down, which GCC took: a pointer, for want of a better
  /// type.
  bool array_before_its_type() {
    static constexpr std::string_view kStart = "extern struct ";
    if (!in_.substr(at_).starts_with(kStart)) return false;
    std::size_t i = at_ + kStart.size();
    const std::size_t tag = i;
    while (i < in_.size() && is_word(in_[i])) ++i;
    const std::string definition = "struct " + std::string(in_.substr(tag, i - tag)) + " {";
    if (i >= in_.size() || in_[i] != ' ') return false;
    const std::size_t name = ++i;
    while (i < in_.size() && is_word(in_[i])) ++i;
    const std::size_t end = i;
    if (end == name || i >= in_.size() || in_[i] != '[') return false;
    while (i < in_.size() && in_[i] != ';' && in_[i] != '\n') ++i;
    if (i >= in_.size() || in_[i] != ';' || in_[i - 1] != ']') return false;
    const std::size_t defined = in_.find(definition);
    if (defined == std::string_view::npos || defined < at_) return false;
    out_ += in_.substr(at_, name - at_);
    out_ += '*';
    out_ += in_.substr(name, end - name);
    at_ = i;
    changed_ = true;
    statement_start_ = false;
    return true;
  }

  /// `((type *)x)++` loses the cast.
  bool step_of_cast() {
    const std::size_t close = in_.find(')', at_ + 2);
    if (close == std::string_view::npos || close - at_ > 80) return false;
    const std::string_view type = in_.substr(at_ + 2, close - at_ - 2);
    const bool plain =
        std::all_of(type.begin(), type.end(), [](char c) { return is_word(c) || c == '*' || c == ' '; });
    if (!plain || type.empty() || type.back() != '*' || type.front() == '*') return false;
    std::size_t end = close + 1;
    while (end < in_.size() && in_[end] == ' ') ++end;
    const std::size_t operand = end;
    while (end < in_.size() && (is_word(in_[end]) || in_[end] == '.' || in_.substr(end).starts_with("->")))
      end += in_[end] == '-' ? 2 : 1;
    if (end == operand || end >= in_.size() || in_[end] != ')') return false;
    const std::string_view after = in_.substr(end + 1, 3);
    const bool steps =
        after.starts_with("++") || after.starts_with("--") ||
        (after.size() >= 3 && after[0] == ' ' && (after[1] == '+' || after[1] == '-') && after[2] == '=');
    if (!steps) return false;
    out_ += '(';
    out_.append(operand - at_ - 1, ' ');
    at_ = operand;
    ++parens_;
    changed_ = true;
    statement_start_ = false;
    return true;
  }

  /// `struct S a[]` among parameters is a pointer: said so, S need not be complete.
  bool array_parameter() {
    static constexpr std::string_view kStart = "struct ";
    if (!in_.substr(at_).starts_with(kStart)) return false;
    std::size_t i = at_ + kStart.size();
    while (i < in_.size() && is_word(in_[i])) ++i;
    if (i >= in_.size() || in_[i] != ' ') return false;
    const std::size_t name = ++i;
    while (i < in_.size() && is_word(in_[i])) ++i;
    if (i == name || !in_.substr(i).starts_with("[]") || i + 2 >= in_.size() ||
        (in_[i + 2] != ',' && in_[i + 2] != ')'))
      return false;
    out_ += in_.substr(at_, name - at_);
    out_ += '*';
    out_ += in_.substr(name, i - name);
    at_ = i + 2;
    changed_ = true;
    return true;
  }

  std::string_view in_;
  std::string out_;
  std::size_t at_ = 0;
  int depth_ = 0, parens_ = 0;
  bool at_line_start_ = true, statement_start_ = true, changed_ = false;
  bool in_define_ = false;
};

/// One file with other content.
class FixedFile final : public llvm::vfs::File {
 public:
  FixedFile(llvm::vfs::Status status, std::string text)
      : status_(std::move(status)), text_(std::move(text)) {}
  llvm::ErrorOr<llvm::vfs::Status> status() override { return status_; }
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> getBuffer(const llvm::Twine& name, int64_t, bool,
                                                               bool) override {
    return llvm::MemoryBuffer::getMemBufferCopy(text_, name);
  }
  std::error_code close() override { return {}; }

 private:
  llvm::vfs::Status status_;
  std::string text_;
};

class FixingFileSystem final : public llvm::vfs::ProxyFileSystem {
 public:
  using ProxyFileSystem::ProxyFileSystem;

  llvm::ErrorOr<llvm::vfs::Status> status(const llvm::Twine& path) override {
    // The size must be that of the fixed text, or Clang calls the file changed.
    if (!is_source(path.str())) return ProxyFileSystem::status(path);
    auto file = openFileForRead(path);
    if (!file) return ProxyFileSystem::status(path);
    return (*file)->status();
  }

  llvm::ErrorOr<std::unique_ptr<llvm::vfs::File>> openFileForRead(const llvm::Twine& path) override {
    auto file = ProxyFileSystem::openFileForRead(path);
    if (!file || !is_source(path.str())) return file;
    auto status = (*file)->status();
    if (!status || !status->isRegularFile()) return file;
    auto buffer = (*file)->getBuffer(path);
    if (!buffer) return file;
    const llvm::StringRef text = (*buffer)->getBuffer();
    auto fixed = fix_old_source(std::string_view(text.data(), text.size()));
    if (!fixed) return ProxyFileSystem::openFileForRead(path);
    const llvm::vfs::Status other(status->getName(), status->getUniqueID(), status->getLastModificationTime(),
                                  status->getUser(), status->getGroup(), fixed->size(), status->getType(),
                                  status->getPermissions());
    return std::make_unique<FixedFile>(other, std::move(*fixed));
  }

 private:
  static bool is_source(const std::string& path) { return path.ends_with(".h") || path.ends_with(".c"); }
};

}  // namespace

std::optional<std::string> fix_old_source(std::string_view text) { return Fixer(text).run(); }

llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> fixing_file_system(
    llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> base) {
  return llvm::makeIntrusiveRefCnt<FixingFileSystem>(std::move(base));
}

}  // namespace quire::metal
