// One end of a local connection: what has arrived for it, and who is at the other end.
#pragma once

#include <deque>

#include "kernel/net/socket.h"

namespace quire::net {

/// Data under way, with what goes along. For streams a message is a run of bytes up to the next control
/// message; else a datagram.
struct Message {
  std::string data;
  std::size_t at = 0;  // bytes already read (streams)
  Address from;
  Control control;
  bool has_control() const { return !control.files.empty() || control.has_credentials; }
};

/// Descriptors in messages keep files alive that may again hold sockets: dropping them one in the other
/// would recurse as deep as a guest likes. This drops them one after the other.
void drop_messages(std::deque<Message> messages);

/// Counts descriptors under way in the whole sandbox, so that cycles of sockets that hold each other are
/// bounded. ETOOMANYREFS beyond 16384.
Result<> count_files_in_flight(std::size_t more);
void uncount_files_in_flight(std::size_t fewer);

/// The socket that owns it closes it; peers hold references only until then.
class Endpoint : public RefCounted {
 public:
  explicit Endpoint(int socket_type) : type(socket_type) {}
  ~Endpoint() override;

  const int type;
  Mutex<locks::socket> lock;
  std::deque<Message> incoming GUARDED_BY(lock);
  std::size_t incoming_bytes GUARDED_BY(lock) = 0;
  std::size_t limit GUARDED_BY(lock) = 212992;
  Ref<Endpoint> peer GUARDED_BY(lock);
  bool connected GUARDED_BY(lock) = false;   // had a peer, which may be gone by now
  bool closed GUARDED_BY(lock) = false;      // its socket is gone
  bool shut_read GUARDED_BY(lock) = false;   // nothing more will be read here
  bool no_more GUARDED_BY(lock) = false;     // the peer will send nothing more
  bool shut_write GUARDED_BY(lock) = false;  // this end sends nothing more
  bool listening GUARDED_BY(lock) = false;
  std::size_t backlog_limit GUARDED_BY(lock) = 0;
  std::deque<Ref<Endpoint>> backlog GUARDED_BY(lock);
  Address local GUARDED_BY(lock), remote GUARDED_BY(lock);
  ucred own_credentials GUARDED_BY(lock){0, ~0u, ~0u}, peer_credentials GUARDED_BY(lock){0, ~0u, ~0u};
  bool pass_credentials GUARDED_BY(lock) = false;
  int error GUARDED_BY(lock) = 0;

  vfs::WaitQueue events;  // for whoever polls or reads this end
  vfs::WaitQueue space;   // for whoever wants to send to this end

  /// Tells the peer, and drops what was not read.
  void close();
  /// SHUT_RD, SHUT_WR, SHUT_RDWR.
  void shutdown(int how);
};

}  // namespace quire::net
