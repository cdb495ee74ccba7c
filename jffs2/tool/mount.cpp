// jffs2 mount
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <functional>
#include <memory>

#include "jffs2/flash/file_device.h"
#include "jffs2/fs/file_system.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/fuse_bridge.h"
#include "jffs2/tool/printable.h"

namespace quire::jffs2 {

namespace {

constexpr u32 kDefaultBlock = 64 * 1024;
// A writing mount needs five blocks; with eight there is room to write something too.
constexpr u32 kLeastBlocks = 8;
constexpr u64 kDefaultNewSize = 16 << 20;

// Erase blocks need not be a power of two.
u64 round_up_to_block(u64 size, u64 block) { return (size + block - 1) / block * block; }

// Where in the file the chip is, and how it is laid out.
struct Chip {
  FileDeviceOptions device;
  std::optional<ByteOrder> order;
};

Outcome<Chip> find_chip(const MountCommand& command) {
  auto opened = CHECK(Opened::open(command.input));
  const FoundSystem* system = CHECK(opened->only_system());
  const PageLayout& layout = opened->survey().layout;
  Chip chip;
  chip.order = system->order;
  chip.device.erase_size = system->erase_size != 0 ? system->erase_size : kDefaultBlock;
  if (system->erase_size == 0)
    warn(fmt::format("nothing tells the size of erase blocks; {} KiB assumed (--eraseblock says otherwise)",
                     kDefaultBlock / 1024));
  if (layout.page != 0) {
    chip.device.page_size = layout.page;
    chip.device.oob_size = layout.spare;
    chip.device.oob_in_file = true;
  }
  chip.device.file_offset = opened->file_offset(system->begin);
  u64 size = round_up_to_block(system->end - system->begin, chip.device.erase_size);
  // Only an image that ends the file can grow; behind others stands something else.
  bool last = opened->file_offset(system->end) >= opened->file_offset(opened->bytes().size());
  u64 wanted = std::max(size, command.size);
  if (!command.read_only) wanted = std::max<u64>(wanted, u64{kLeastBlocks} * chip.device.erase_size);
  if (wanted > size && !last && !command.read_only)
    return fail("the file system is too small to write to, and cannot grow");
  if (wanted > size && last && !command.read_only) {
    warn(fmt::format("the image grows to {} KiB", wanted / 1024));
    size = round_up_to_block(wanted, chip.device.erase_size);
  }
  chip.device.size = size;
  return chip;
}

Outcome<std::unique_ptr<FlashDevice>> open_device(const MountCommand& command, Chip& chip) {
  if (command.create) {
    chip.device.erase_size =
        command.input.hints.erase_size != 0 ? command.input.hints.erase_size : kDefaultBlock;
    chip.device.size =
        round_up_to_block(command.size != 0 ? command.size : kDefaultNewSize, chip.device.erase_size);
    chip.device.create = true;
    chip.order = command.input.hints.order.value_or(ByteOrder::little);
  } else {
    chip = CHECK(find_chip(command));
  }
  chip.device.read_only = command.read_only;
  chip.device.durable = true;  // what fsync() promised a program survives the host, too
  auto device = open_file_device(command.input.path, chip.device);
  if (!device) return fail(command.input.path, device.error());
  if (command.create) {
    if (auto formatted = FileSystem::format(**device, *chip.order); !formatted)
      return fail(command.input.path, formatted.error());
  }
  return std::move(*device);
}

// Mounts, calls `ready` once requests can be answered, and serves until the end.
Status serve(const MountCommand& command, const std::function<void()>& ready) {
  Chip chip;
  std::unique_ptr<FlashDevice> device = CHECK(open_device(command, chip));
  MountOptions options;
  options.read_only = command.read_only;
  options.order = chip.order;
  options.log = [](const std::string& message) { warn(printable(message)); };
  auto fs = FileSystem::mount(*device, options);
  if (!fs) return fail(command.input.path, fs.error());
  if (!command.read_only && (*fs)->read_only())
    warn("mounted read-only: the image holds what we must not change");
  std::array<char, PATH_MAX> absolute{};
  const char* source = ::realpath(command.input.path.c_str(), absolute.data());
  FuseBridge bridge =
      CHECK(FuseBridge::mount(**fs, {.mountpoint = command.mountpoint,
                                     .source = source != nullptr ? source : command.input.path,
                                     .read_only = (*fs)->read_only(),
                                     .allow_other = command.allow_other}));
  ready();
  Status served = bridge.run();
  if (auto unmounted = (*fs)->unmount(); !unmounted) return fail(command.input.path, unmounted.error());
  if (auto synced = device->sync(); !synced) return fail(command.input.path, synced.error());
  return served;
}

// The work goes on in a child, and the command returns when the mount is there: its errors are still
// for the caller's eyes.
int serve_in_background(const MountCommand& command) {
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return complain({Errno::last().message()});
  pid_t child = ::fork();
  if (child < 0) return complain({Errno::last().message()});
  if (child == 0) {
    ::close(pipe_ends[0]);
    ::setsid();
    Status served = serve(command, [&] {
      // From here on nobody listens; a name in the way of umount would be kept busy by a directory.
      if (::chdir("/") != 0) return;
      int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      for (int fd = 0; fd < 3 && null >= 0; fd++) ::dup2(null, fd);
      char done = 1;
      (void)!::write(pipe_ends[1], &done, 1);
      ::close(pipe_ends[1]);
    });
    ::_exit(served ? kSuccess : complain(served.error()));
  }
  ::close(pipe_ends[1]);
  char done = 0;
  ssize_t n = 0;
  do n = ::read(pipe_ends[0], &done, 1);
  while (n < 0 && errno == EINTR);
  ::close(pipe_ends[0]);
  if (n == 1) return kSuccess;
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : kFailure;
}

}  // namespace

int run_mount(const MountCommand& command) {
  if (command.create && ::access(command.input.path.c_str(), F_OK) == 0)
    return complain({command.input.path + ": exists; --create makes new images only"});
  if (!command.foreground) return serve_in_background(command);
  auto served = serve(command, [] {});
  return served ? kSuccess : complain(served.error());
}

}  // namespace quire::jffs2
