// What system calls do to paths: walking, then the checked operation.
#pragma once

#include <string>
#include <string_view>

#include "kernel/vfs/file.h"
#include "kernel/vfs/fs_context.h"

namespace quire::vfs {

/// From where, as whom. `start` is the working directory or dirfd's path (unused by absolute names).
struct Lookup {
  Path root;
  Path start;
  const Credentials& credentials;
  u32 umask = 0;
};

/// How a path is walked.
enum WalkFlags : u32 {
  walk_follow = 1,          // the last component, if a symbolic link, is followed
  walk_directory = 2,       // ENOTDIR unless it ends at a directory
  walk_empty = 4,           // "" names the start (AT_EMPTY_PATH)
  walk_no_symlinks = 0x10,  // RESOLVE_NO_SYMLINKS
  walk_no_magic = 0x20,     // RESOLVE_NO_MAGICLINKS
  walk_no_xdev = 0x40,      // RESOLVE_NO_XDEV
  walk_beneath = 0x80,      // RESOLVE_BENEATH
  walk_in_root = 0x100,     // RESOLVE_IN_ROOT
  walk_fresh = 0x200,       // believe no cached name that the file system cannot vouch for
};

/// Finds an existing object. ENOENT, ENOTDIR, EACCES, ELOOP (40 links), ENAMETOOLONG, EXDEV.
Result<Path> walk(const Lookup& at, std::string_view name, u32 flags);
/// As walk, for what works on open files too (stat, chmod...): a magic link to a file without a path
/// gives that file instead.
Result<MagicTarget> walk_any(const Lookup& at, std::string_view name, u32 flags);

/// The directory that holds the last component, and that component ("." and ".." included).
struct ParentPath {
  Path parent;
  std::string name;
  bool must_be_directory = false;  // a slash follows
};
Result<ParentPath> walk_parent(const Lookup& at, std::string_view name, u32 flags = 0);

struct OpenHow {
  int flags = 0;  // O_*
  u32 mode = 0;   // before the umask
  u32 walk = 0;   // walk_* of RESOLVE_*
};
/// open(2) with all its checks. The file knows its path.
Result<Ref<File>> open(const Lookup& at, std::string_view name, const OpenHow& how);
/// Opens what is already found (magic links, exec: flags O_RDONLY).
Result<Ref<File>> open_path(const Path& path, int flags, const Credentials& credentials);
/// For exec: found, regular, executable by `credentials`, not on a noexec mount: EACCES. No ETXTBSY.
Result<Ref<File>> open_exec(const Lookup& at, std::string_view name, bool follow = true,
                            bool empty_path = false);

Result<> make_directory(const Lookup& at, std::string_view name, u32 mode);
/// mode with type; S_IFREG, S_IFIFO, S_IFSOCK by anyone, devices by CAP_MKNOD.
Result<Path> make_node(const Lookup& at, std::string_view name, u32 mode, u64 rdev);
Result<> make_symlink(const Lookup& at, std::string_view name, std::string_view target);
Result<> make_link(const Lookup& from, std::string_view old_name, const Lookup& to, std::string_view new_name,
                   u32 walk_flags);
Result<> unlink(const Lookup& at, std::string_view name);
Result<> remove_directory(const Lookup& at, std::string_view name);
/// flags: RENAME_NOREPLACE, RENAME_EXCHANGE.
Result<> rename(const Lookup& from, std::string_view old_name, const Lookup& to, std::string_view new_name,
                u32 flags);

/// chmod, chown, utimensat and truncate on what was found; they check ownership and mount flags.
Result<> change_mode(const Path& path, u32 mode, const Credentials& credentials);
/// ~0: leave as it is.
Result<> change_owner(const Path& path, u32 uid, u32 gid, const Credentials& credentials);
/// nullopt: leave. `explicit_time`: other than "now", which only the owner may set.
Result<> change_times(const Path& path, std::optional<timespec> atime, std::optional<timespec> mtime,
                      bool explicit_time, const Credentials& credentials);
Result<> truncate(const Path& path, u64 size, const Credentials& credentials);

/// Access checks: `want` of R_OK 4, W_OK 2, X_OK 1. EACCES; EROFS for writing on a read-only mount.
Result<> check_access(const Path& path, u32 want, const Credentials& credentials);
Result<> check_permission(Inode& inode, u32 want, const Credentials& credentials);
/// Owner or CAP_FOWNER: EPERM.
Result<> check_owner(Inode& inode, const Credentials& credentials);

/// Drops set-id bits after a write by one without CAP_FSETID.
void remove_privileges(Inode& inode, const Credentials& credentials);

}  // namespace quire::vfs
