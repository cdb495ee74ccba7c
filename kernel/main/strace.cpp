#include "kernel/main/strace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/restart.h"

namespace quire::cli {
namespace {

std::string quoted(const std::string& text, bool cut) {
  std::string out = "\"";
  for (unsigned char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c < 32 || c > 126)
          out += fmt::format("\\x{:02x}", c);
        else
          out += static_cast<char>(c);
    }
  }
  return out + (cut ? "\"..." : "\"");
}

std::string bytes_at(task::Task& task, GuestAddr at, u64 length) {
  constexpr u64 most = 32;
  std::string text(std::min(length, most), '\0');
  text.resize(task.mm().copy_in_some(text.data(), at, text.size()));
  return quoted(text, length > text.size());
}

std::string flags(u64 value, std::initializer_list<std::pair<u64, const char*>> names, const char* none) {
  std::string out;
  for (auto [bit, name] : names)
    if ((value & bit) == bit) {
      out += (out.empty() ? "" : "|") + std::string(name);
      value &= ~bit;
    }
  if (value != 0) out += (out.empty() ? "" : "|") + fmt::format("{:#x}", value);
  return out.empty() ? none : out;
}

/// A null-terminated array of strings: the first of them, or how many there are.
std::string strings_at(task::Task& task, u64 array, bool show) {
  constexpr u64 most = 4096, shown = 16;
  std::string list;
  u64 n = 0;
  for (; array != 0 && n < most; ++n) {
    auto at = task.mm().read<u64>(GuestAddr(array + 8 * n));
    if (!at || *at == 0) break;
    if (!show || n >= shown) continue;
    auto text = task.mm().copy_in_string(GuestAddr(*at), 4096);
    list += (n > 0 ? ", " : "") + (text ? quoted(*text, false) : fmt::format("{:#x}", *at));
  }
  if (!show) return fmt::format("[/* {} strings */]", n);
  return "[" + list + (n > shown ? ", ...]" : "]");
}

std::string argument(task::Task& task, char format, const task::Args& args, unsigned i) {
  u64 v = args[i];
  switch (format) {
    case 'd':
    case 'f':
      return fmt::format("{}", static_cast<i32>(v));
    case 'D':
      return static_cast<i32>(v) == AT_FDCWD ? "AT_FDCWD" : fmt::format("{}", static_cast<i32>(v));
    case 'u':
      return fmt::format("{}", static_cast<u32>(v));
    case 'l':
      return fmt::format("{}", v);
    case 'o':
      return fmt::format("0{:o}", static_cast<u32>(v));
    case 'p':
      return v == 0 ? "NULL" : fmt::format("{:#x}", v);
    case 's': {
      if (v == 0) return "NULL";
      auto text = task.mm().copy_in_string(GuestAddr(v), 4096);
      return text ? quoted(*text, false) : fmt::format("{:#x}", v);
    }
    case 'b':
      return i + 1 < 6 ? bytes_at(task, GuestAddr(v), args[i + 1]) : fmt::format("{:#x}", v);
    case 'S': {
      const char* name = ::sigabbrev_np(static_cast<int>(v));
      return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("{}", v);
    }
    case 'P':
      return flags(v, {{1, "PROT_READ"}, {2, "PROT_WRITE"}, {4, "PROT_EXEC"}}, "PROT_NONE");
    case 'M':
      return flags(v,
                   {{0x22, "MAP_PRIVATE|MAP_ANONYMOUS"},
                    {1, "MAP_SHARED"},
                    {2, "MAP_PRIVATE"},
                    {0x10, "MAP_FIXED"},
                    {0x20, "MAP_ANONYMOUS"},
                    {0x4000, "MAP_NORESERVE"},
                    {0x8000, "MAP_POPULATE"},
                    {0x20000, "MAP_STACK"},
                    {0x100, "MAP_GROWSDOWN"},
                    {0x800, "MAP_DENYWRITE"},
                    {0x100000, "MAP_FIXED_NOREPLACE"}},
                   "0");
    case 'O': {
      static const char* const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "3"};
      std::string rest = flags(v & ~u64{3},
                               {{O_CREAT, "O_CREAT"},
                                {O_EXCL, "O_EXCL"},
                                {O_TRUNC, "O_TRUNC"},
                                {O_APPEND, "O_APPEND"},
                                {O_NONBLOCK, "O_NONBLOCK"},
                                {O_DIRECTORY, "O_DIRECTORY"},
                                {O_NOFOLLOW, "O_NOFOLLOW"},
                                {O_CLOEXEC, "O_CLOEXEC"},
                                {O_PATH, "O_PATH"}},
                               "");
      return access[v & 3] + (rest.empty() ? "" : "|" + rest);
    }
    case 'v':
    case 'V':
      return strings_at(task, v, format == 'v');
    case 't': {
      auto t = task.mm().read<timespec>(GuestAddr(v));
      return v == 0 ? "NULL" : t ? fmt::format("{{{}, {}}}", t->tv_sec, t->tv_nsec) : fmt::format("{:#x}", v);
    }
    default:
      return fmt::format("{:#x}", v);
  }
}

}  // namespace

std::unique_ptr<Strace> Strace::create(const std::string& file) {
  if (file.empty()) return std::unique_ptr<Strace>(new Strace(STDERR_FILENO, false));
  int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return nullptr;
  return std::unique_ptr<Strace>(new Strace(fd, true));
}

Strace::~Strace() {
  if (owned_) ::close(fd_);
}

void Strace::line(const std::string& text) {
  // One write a line, so that lines of several threads do not mix.
  if (::write(fd_, text.data(), text.size()) < 0) return;
}

namespace {

constexpr u32 nr_rt_sigreturn = 15, nr_execve = 59, nr_exit = 60, nr_exit_group = 231, nr_execveat = 322;

std::string call_text(task::Task& task, u32 number, const task::SyscallRow* row, const task::Args& args,
                      const Result<u64>* result) {
  std::string text = fmt::format("[{}] ", task.tid());
  if (row == nullptr)
    return text + fmt::format("syscall_{}({:#x}, {:#x}, {:#x})", number, args[0], args[1], args[2]);
  text += row->name;
  text += '(';
  for (unsigned i = 0; row->format[i] != '\0' && i < 6; ++i) {
    // A mode means something only to a call that may make the file.
    if (row->format[i] == 'o' && i > 0 && row->format[i - 1] == 'O' &&
        (args[i - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) == 0)
      break;
    if (i > 0) text += ", ";
    if (row->format[i] == 'B')
      text += result != nullptr && *result ? bytes_at(task, args.addr(i), **result)
                                           : fmt::format("{:#x}", args[i]);
    else
      text += argument(task, row->format[i], args, i);
  }
  return text + ')';
}

/// What exec was called with: gone when it returns.
thread_local std::string exec_text;

}  // namespace

void Strace::enter(task::Task& task, u32 number, const task::SyscallRow* row, const task::Args& args) {
  if (number == nr_execve || number == nr_execveat) exec_text = call_text(task, number, row, args, nullptr);
  // Calls that do not return are told on entry.
  if (number == nr_exit || number == nr_exit_group || number == nr_rt_sigreturn)
    line(fmt::format("[{}] {}({}) = ?\n", task.tid(), row->name,
                     number == nr_rt_sigreturn ? std::string() : std::to_string(args.i(0))));
}

void Strace::leave(task::Task& task, u32 number, const task::SyscallRow* row, const task::Args& args,
                   const Result<u64>& result) {
  if (number == nr_exit || number == nr_exit_group || number == nr_rt_sigreturn) return;
  std::string text =
      number == nr_execve || number == nr_execveat ? exec_text : call_text(task, number, row, args, &result);
  if (result) {
    i64 v = static_cast<i64>(*result);
    text += v > 1 << 20 ? fmt::format(" = {:#x}\n", v) : fmt::format(" = {}\n", v);
  } else if (result.error().value() >= abi::restart_sys) {
    text += " = ? (interrupted)\n";
  } else {
    text += fmt::format(" = -1 {} ({})\n", result.error().name(), result.error().message());
  }
  line(text);
}

void Strace::signal(task::Task& task, const siginfo_t& info) {
  const char* name = ::sigabbrev_np(info.si_signo);
  line(fmt::format("[{}] --- SIG{} code {} ---\n", task.tid(),
                   name != nullptr ? name : std::to_string(info.si_signo), info.si_code));
}

void Strace::exited(task::Task& task, const task::ExitStatus& status) {
  if (status.signo != 0)
    line(fmt::format("[{}] +++ killed by signal {} +++\n", task.tid(), status.signo));
  else
    line(fmt::format("[{}] +++ exited with {} +++\n", task.tid(), status.code));
}

}  // namespace quire::cli
