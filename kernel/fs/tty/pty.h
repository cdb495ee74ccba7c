// A pair of pseudo-terminal ends.
#pragma once

#include <sys/ioctl.h>

#include "kernel/fs/tty/line_discipline.h"
#include "kernel/vfs/terminal.h"

namespace quire::fs::tty {

class PtyMaster;
class PtySlave;

/// The terminal itself: what is between the master and its slaves.
class Pty final : public vfs::ControllingTerminal {
 public:
  explicit Pty(unsigned number, u32 uid, u32 gid) : number_(number), uid_(uid), gid_(gid) {}

  unsigned number() const { return number_; }
  u32 uid() const { return uid_; }
  u32 gid() const { return gid_; }
  Result<Ref<vfs::File>> open_again(int flags) override;
  u64 device() const override;
  bool stops_writers() override;
  /// EIO while locked (unlockpt) or after the master has gone.
  Result<Ref<vfs::File>> open_slave(int flags);
  /// As unlockpt does.
  void unlock();
  /// Sends SIGWINCH to the foreground group if it changed.
  void set_window_size(const winsize& size);

 private:
  friend class PtyMaster;
  friend class PtySlave;

  Result<> wait(std::optional<vfs::WaitEntry>& entry, vfs::WaitQueue& queue);
  /// ioctls that both ends know.
  std::optional<Result<u64>> common_ioctl(mm::AddressSpace& mm, u32 command, u64 argument);
  Result<u64> set_attributes(mm::AddressSpace& mm, u32 command, u64 argument);
  void send_signals(u64 signals);
  void hang_up();

  static constexpr std::size_t max_output = 65536;
  const unsigned number_;
  const u32 uid_, gid_;
  Mutex<locks::terminal> lock_;
  LineDiscipline line_ GUARDED_BY(lock_);
  std::string output_ GUARDED_BY(lock_);  // for the master to read
  winsize size_ GUARDED_BY(lock_){};
  bool locked_ GUARDED_BY(lock_) = true;
  bool master_open_ GUARDED_BY(lock_) = true;
  bool packet_mode_ GUARDED_BY(lock_) = false;
  unsigned slaves_ GUARDED_BY(lock_) = 0;
  bool had_slave_ GUARDED_BY(lock_) = false;
  vfs::WaitQueue master_queue_, slave_queue_;
};

class PtyMaster final : public vfs::File {
 public:
  PtyMaster(Ref<Pty> pty, Ref<vfs::Inode> node, int flags)
      : File(flags), pty_(std::move(pty)), node_(std::move(node)) {}
  ~PtyMaster() override;
  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override { return &pty_->master_queue_; }
  std::string describe() override { return path_description(); }

 private:
  const Ref<Pty> pty_;
  const Ref<vfs::Inode> node_;
};

class PtySlave final : public vfs::File {
 public:
  PtySlave(Ref<Pty> pty, int flags) : File(flags), pty_(std::move(pty)) {}
  ~PtySlave() override;
  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override { return &pty_->slave_queue_; }
  std::string describe() override { return path_description(); }

 private:
  const Ref<Pty> pty_;
};

}  // namespace quire::fs::tty
