#include "kernel/main/start_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>

#include "kernel/main/sandbox.h"
#include "kernel/main/stdio_file.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/operations.h"

extern char** environ;

namespace quire::cli {
namespace {

std::vector<std::string> environment(const RunOptions& options, std::string& trouble) {
  std::vector<std::string> env;
  auto set = [&](const std::string& entry) {
    std::string name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(env, [&](const std::string& e) { return e.starts_with(name); });
    env.push_back(entry);
  };
  if (!options.clear_environment)
    for (char** e = environ; *e != nullptr; ++e) env.emplace_back(*e);
  auto add = [&](const std::string& entry) {
    if (entry.find('=') != std::string::npos)
      set(entry);
    else if (const char* value = ::getenv(entry.c_str()); value != nullptr)
      set(entry + "=" + value);
  };
  for (const std::string& file : options.env_files) {
    std::ifstream in(file);
    if (!in) trouble = fmt::format("cannot read environment file '{}'", file);
    for (std::string line; std::getline(in, line);)
      if (!line.empty() && line[0] != '#') add(line);
  }
  for (const std::string& entry : options.environment) add(entry);
  return env;
}

std::string value_of(const std::vector<std::string>& env, std::string_view name) {
  for (const std::string& e : env)
    if (e.size() > name.size() && e.starts_with(name) && e[name.size()] == '=')
      return e.substr(name.size() + 1);
  return {};
}

std::optional<u32> number(std::string_view text) {
  u32 v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return v;
}

/// The guest's /etc/passwd or /etc/group: the fields of the line for `name`.
std::vector<std::string> database_line(const vfs::Lookup& at, const char* file, std::string_view name) {
  auto opened = vfs::open(at, file, {.flags = O_RDONLY, .mode = 0, .walk = 0});
  if (!opened) return {};
  std::string text(1 << 20, '\0');
  vfs::IoBuffer buffer(std::as_writable_bytes(std::span(text)));
  auto n = (*opened)->read(buffer, 0);
  text.resize(n ? *n : 0);
  for (std::size_t at_line = 0; at_line < text.size();) {
    std::size_t end = std::min(text.find('\n', at_line), text.size());
    std::string_view line(text.data() + at_line, end - at_line);
    at_line = end + 1;
    std::vector<std::string> fields;
    for (std::size_t i = 0; i <= line.size();) {
      std::size_t colon = std::min(line.find(':', i), line.size());
      fields.emplace_back(line.substr(i, colon - i));
      i = colon + 1;
    }
    if (fields.size() >= 4 && fields[0] == name) return fields;
    if (fields.size() >= 3 && fields[0] == name) return fields;
  }
  return {};
}

Result<Ref<vfs::Credentials>> credentials(const RunOptions& options, const vfs::Lookup& at) {
  auto c = make_ref<vfs::Credentials>();
  c->uid = c->euid = c->suid = c->fsuid = ::getuid();
  c->gid = c->egid = c->sgid = c->fsgid = ::getgid();
  if (options.user) {
    std::string user = *options.user, group;
    if (auto colon = user.find(':'); colon != std::string::npos) {
      group = user.substr(colon + 1);
      user.resize(colon);
    }
    u32 uid = 0, gid = 0;
    if (auto n = number(user)) {
      uid = *n;
    } else {
      auto line = database_line(at, "/etc/passwd", user);
      if (line.size() < 4) return err(ENOENT);
      uid = number(line[2]).value_or(0);
      gid = number(line[3]).value_or(0);
    }
    if (!group.empty()) {
      if (auto n = number(group)) {
        gid = *n;
      } else {
        auto line = database_line(at, "/etc/group", group);
        if (line.size() < 3) return err(ENOENT);
        gid = number(line[2]).value_or(0);
      }
    }
    c->uid = c->euid = c->suid = c->fsuid = uid;
    c->gid = c->egid = c->sgid = c->fsgid = gid;
  } else {
    int n = ::getgroups(0, nullptr);
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(n, 0)));
    n = ::getgroups(static_cast<int>(groups.size()), groups.data());
    c->groups.assign(groups.begin(), groups.begin() + std::max(n, 0));
  }
  // Root in the sandbox has all capabilities over it, and none outside.
  if (c->uid == 0) c->cap_permitted = c->cap_effective = ~u64{0} >> (63 - 40);
  c->cap_bounding = ~u64{0} >> (63 - 40);
  return c;
}

}  // namespace

StartState StartState::capture() {
  StartState s;
  for (int signo = 1; signo < 65; ++signo) {
    struct sigaction old;
    if (signo != SIGKILL && signo != SIGSTOP && ::sigaction(signo, nullptr, &old) == 0 &&
        old.sa_handler == SIG_IGN)
      s.ignored_ |= u64{1} << (signo - 1);
  }
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  for (int signo = 1; signo < 65; ++signo)
    if (sigismember(&mask, signo) == 1) s.blocked_ |= u64{1} << (signo - 1);
  s.umask_ = ::umask(0);
  char directory[4096];
  s.directory_ = ::getcwd(directory, sizeof directory) != nullptr ? directory : "/";
  return s;
}

std::expected<task::InitProgram, Failure> StartState::program(const RunOptions& options, const FileTree& tree,
                                                              mm::MemoryManager& memory) const {
  auto fail = [](int status, std::string line) { return std::unexpected(Failure{status, std::move(line)}); };
  task::InitProgram p;
  // Looking around before there is a program is the sandbox's own doing, so as its root.
  auto root_user = make_ref<vfs::Credentials>();
  root_user->cap_effective = ~u64{0};
  vfs::Lookup at{tree.root, tree.root, *root_user, 0};

  auto who = credentials(options, at);
  if (!who)
    return fail(status_quire_failed,
                fmt::format("there is no user '{}' in the guest's /etc/passwd", *options.user));
  p.credentials = *who;

  std::string trouble;
  p.envp = environment(options, trouble);
  if (!trouble.empty()) return fail(status_quire_failed, trouble);

  std::string directory = options.working_directory ? *options.working_directory
                          : options.root == "/"     ? directory_
                                                    : "/";
  auto cwd = vfs::walk(at, directory, vfs::walk_follow | vfs::walk_directory);
  if (!cwd) {
    if (options.working_directory)
      return fail(status_quire_failed,
                  fmt::format("cannot enter working directory '{}': {}", directory, cwd.error().message()));
    cwd = tree.root;
  }
  p.fs = make_ref<vfs::FsContext>(tree.root, *cwd, umask_);

  p.fds = make_ref<vfs::FdTable>();
  for (int fd = 0; fd < 3; ++fd)
    if (auto file = StdioFile::open(fd, memory)) (void)p.fds->install_at(fd, *file, false, 1024);

  p.argv = options.command;
  p.path = p.argv[0];
  vfs::Lookup as_user{tree.root, *cwd, *p.credentials, umask_};
  if (p.path.find('/') == std::string::npos) {
    std::string path = value_of(p.envp, "PATH");
    if (path.empty()) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string found;
    Errno last(ENOENT);
    for (std::size_t i = 0; i <= path.size() && found.empty();) {
      std::size_t colon = std::min(path.find(':', i), path.size());
      std::string candidate = (colon == i ? "." : path.substr(i, colon - i)) + "/" + p.path;
      i = colon + 1;
      if (auto file = vfs::open_exec(as_user, candidate))
        found = candidate;
      else if (file.error() == Errno(EACCES))
        last = file.error();
    }
    if (found.empty())
      return last == Errno(EACCES)
                 ? fail(status_cannot_run, fmt::format("cannot run '{}': Permission denied", p.path))
                 : fail(status_not_found,
                        fmt::format("there is no program '{}' in the guest's PATH", p.path));
    p.path = found;
  }
  p.ignored = ignored_;
  p.blocked = blocked_;
  return p;
}

}  // namespace quire::cli
