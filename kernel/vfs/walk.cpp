#include <unistd.h>

#include "kernel/vfs/walker.h"

namespace quire::vfs {
namespace {

constexpr unsigned max_links = 40;
constexpr std::size_t max_name = 255;
constexpr std::size_t max_path = 4096;  // the terminating NUL included

class Walker {
 public:
  Walker(const Lookup& at, u32 flags)
      : at_(at), flags_(flags), root_((flags & walk_in_root) != 0 ? at.start : at.root), here_(at.start) {}

  Result<WalkEnd> run(std::string_view name, bool parent_only);

 private:
  bool has(u32 flag) const { return (flags_ & flag) != 0; }
  Result<> to_root();
  Result<> up();
  Result<> step_into(Path next);
  Result<bool> follow(const Path& link, std::string_view rest, WalkEnd& end);

  const Lookup& at_;
  const u32 flags_;
  const Path root_;
  Path here_;
  std::string expanded_, scratch_;  // the path after a symbolic link was put in
  std::string_view rest_;
  unsigned links_ = 0;
};

Result<> Walker::to_root() {
  if (has(walk_beneath)) return err(EXDEV);
  if (has(walk_no_xdev) && !(here_.mount == root_.mount)) return err(EXDEV);
  here_ = root_;
  return {};
}

Result<> Walker::up() {
  for (;;) {
    if (has(walk_beneath) && here_ == at_.start) return err(EXDEV);
    if (here_ == root_) return {};
    if (here_.dentry == here_.mount->root()) {
      Path covered = MountTable::instance().covered_by(*here_.mount);
      if (!covered) return {};
      if (has(walk_no_xdev)) return err(EXDEV);
      here_ = std::move(covered);
      continue;
    }
    Ref<Dentry> parent = here_.dentry->parent();
    if (!parent) return {};
    here_.dentry = std::move(parent);
    break;
  }
  // Renamed out of a bind mount or of the directory to stay beneath, between the steps:
  //   walk: enters base/a/b     |
  //                             |  rename(base/a/b, elsewhere/b)
  //   walk: ".." from b         |  would be elsewhere, and "../.." beyond base's own parent
  if (!here_.mount->root()->is_root() && !here_.dentry->is_below(*here_.mount->root())) return err(ENOENT);
  if (has(walk_beneath | walk_in_root) && here_.mount == at_.start.mount &&
      !here_.dentry->is_below(*at_.start.dentry))
    return err(EXDEV);
  here_ = MountTable::instance().cross_down(std::move(here_));
  return {};
}

Result<> Walker::step_into(Path next) {
  if (next.dentry->has_mounts()) {
    next = MountTable::instance().cross_down(std::move(next));
    if (has(walk_no_xdev) && !(next.mount == here_.mount)) return err(EXDEV);
  }
  here_ = std::move(next);
  return {};
}

/// True if the walk ended at the link's target (a magic link at the end of the path).
Result<bool> Walker::follow(const Path& link, std::string_view rest, WalkEnd& end) {
  if (has(walk_no_symlinks) || ++links_ > max_links) return err(ELOOP);
  auto magic = TRY(link.inode()->follow_magic());
  if (magic) {
    if (has(walk_no_magic)) return err(ELOOP);
    if (has(walk_beneath | walk_in_root)) return err(EXDEV);
    bool last = rest.find_first_not_of('/') == std::string_view::npos;
    if (magic->path) {
      if (has(walk_no_xdev) && !(magic->path.mount == here_.mount)) return err(EXDEV);
      if (!magic->path.mount && !last) return err(ENOTDIR);
      here_ = magic->path;
      if (!last) {
        rest_ = rest;
        return false;
      }
      end.path = here_;
      end.slash = !rest.empty();
    } else if (!last) {
      return err(ENOTDIR);
    }
    end.file = magic->file;
    return true;
  }
  std::string target = TRY(link.inode()->read_link());
  if (target.empty()) return err(ENOENT);
  if (target.size() + rest.size() >= 2 * max_path) return err(ENAMETOOLONG);
  scratch_.assign(target).append(rest);
  expanded_.swap(scratch_);
  rest_ = expanded_;
  if (target[0] == '/') TRY_VOID(to_root());
  return false;
}

Result<WalkEnd> Walker::run(std::string_view name, bool parent_only) {
  if (name.size() >= max_path) return err(ENAMETOOLONG);
  WalkEnd end;
  if (name.empty()) {
    if (!has(walk_empty)) return err(ENOENT);
    end.path = here_;
    return end;
  }
  rest_ = name;
  if (name[0] == '/') {
    if (has(walk_in_root))
      here_ = root_;
    else
      TRY_VOID(to_root());
  }
  if (!here_) return err(ENOENT);
  for (;;) {
    std::size_t begin = rest_.find_first_not_of('/');
    if (begin == std::string_view::npos) {  // "/", or a link to "/"
      end.path = here_;
      end.slash = true;
      if (here_.inode() == nullptr) return err(ENOENT);
      if (!here_.inode()->is_directory()) return err(ENOTDIR);
      return end;
    }
    std::size_t stop = std::min(rest_.find('/', begin), rest_.size());
    std::string_view component = rest_.substr(begin, stop - begin);
    std::string_view rest = rest_.substr(stop);
    bool last = rest.find_first_not_of('/') == std::string_view::npos;
    if (component.size() > max_name) return err(ENAMETOOLONG);
    if (!here_.inode()->is_directory()) return err(ENOTDIR);
    TRY_VOID(check_permission(*here_.inode(), X_OK, at_.credentials));
    bool dots = component == "." || component == "..";
    if (last) {
      end.parent = here_;
      end.name = component;
      end.slash = !rest.empty();
      if (parent_only) return end;
    }
    if (dots) {
      if (component.size() == 2) TRY_VOID(up());
      if (last) {
        end.path = here_;
        return end;
      }
      rest_ = rest;
      continue;
    }
    Ref<Dentry> child = TRY(here_.dentry->lookup(component, last || has(walk_fresh)));
    if (child->negative()) {
      if (!last) return err(ENOENT);
      return end;
    }
    Path next{here_.mount, std::move(child)};
    if (next.inode()->is_symlink() && (!last || end.slash || has(walk_follow))) {
      if (TRY(follow(next, rest, end))) {
        end.parent = {};
        end.name.clear();
        return end;
      }
      end = WalkEnd{};
      continue;
    }
    TRY_VOID(step_into(std::move(next)));
    if (last) {
      end.path = here_;
      return end;
    }
    rest_ = rest;
  }
}

}  // namespace

Result<WalkEnd> walk_to_end(const Lookup& at, std::string_view name, u32 flags, bool parent_only) {
  Dentry::limit_cache();
  auto end = Walker(at, flags).run(name, parent_only);
  // A name in the middle was no longer what the cache said: ask for each.
  if (!end && end.error().value() == ESTALE) return Walker(at, flags | walk_fresh).run(name, parent_only);
  return end;
}

Result<MagicTarget> walk_any(const Lookup& at, std::string_view name, u32 flags) {
  WalkEnd end = TRY(walk_to_end(at, name, flags, false));
  if (!end.path && !end.file) return err(ENOENT);
  if (end.slash || (flags & walk_directory) != 0)
    if (!end.path || !end.path.inode()->is_directory()) return err(ENOTDIR);
  if (end.path) end.file = nullptr;
  return MagicTarget{std::move(end.path), std::move(end.file)};
}

Result<Path> walk(const Lookup& at, std::string_view name, u32 flags) {
  MagicTarget t = TRY(walk_any(at, name, flags));
  if (!t.path) return err(EINVAL);
  return std::move(t.path);
}

Result<ParentPath> walk_parent(const Lookup& at, std::string_view name, u32 flags) {
  WalkEnd end = TRY(walk_to_end(at, name, flags, true));
  return ParentPath{std::move(end.parent), std::move(end.name), end.slash};
}

}  // namespace quire::vfs
