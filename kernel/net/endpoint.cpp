#include "kernel/net/endpoint.h"

#include <poll.h>

namespace quire::net {
namespace {

constexpr std::size_t most_files_in_flight = 16384;
std::atomic<std::size_t> files_in_flight{0};

}  // namespace

Result<> count_files_in_flight(std::size_t more) {
  if (files_in_flight.fetch_add(more) + more > most_files_in_flight) {
    files_in_flight.fetch_sub(more);
    return err(ETOOMANYREFS);
  }
  return {};
}

void uncount_files_in_flight(std::size_t fewer) { files_in_flight.fetch_sub(fewer); }

void drop_messages(std::deque<Message> messages) {
  thread_local std::deque<Ref<vfs::File>> doomed;
  thread_local bool draining = false;
  for (Message& m : messages) {
    uncount_files_in_flight(m.control.files.size());
    for (Ref<vfs::File>& f : m.control.files) doomed.push_back(std::move(f));
  }
  if (draining) return;  // further up this stack: the loop there takes them
  draining = true;
  while (!doomed.empty()) {
    Ref<vfs::File> next = std::move(doomed.front());
    doomed.pop_front();
  }
  draining = false;
}

Endpoint::~Endpoint() { drop_messages(std::move(incoming)); }

void Endpoint::close() {
  std::deque<Message> unread;
  std::deque<Ref<Endpoint>> waiting;
  Ref<Endpoint> other;
  bool lost_data;
  {
    LockGuard guard(lock);
    closed = shut_read = shut_write = true;
    listening = false;
    lost_data = !incoming.empty();
    unread.swap(incoming);
    incoming_bytes = 0;
    waiting.swap(backlog);
    other = std::move(peer);
  }
  space.notify();
  events.notify();
  if (other && type != SOCK_DGRAM) {
    {
      LockGuard guard(other->lock);
      // The other side may hold another peer by now only if it is a datagram socket.
      other->no_more = other->shut_write = true;
      if (lost_data) other->error = ECONNRESET;
      other->peer = nullptr;
    }
    other->events.notify();
    other->space.notify();
  }
  for (Ref<Endpoint>& e : waiting) e->close();
  drop_messages(std::move(unread));
}

void Endpoint::shutdown(int how) {
  Ref<Endpoint> other;
  {
    LockGuard guard(lock);
    if (how != SHUT_WR) shut_read = true;
    if (how != SHUT_RD) shut_write = true;
    other = peer;
  }
  if (other && type != SOCK_DGRAM) {
    {
      LockGuard guard(other->lock);
      if (how != SHUT_RD) other->no_more = true;
      if (how != SHUT_WR) other->shut_write = true;
    }
    other->events.notify();
    other->space.notify();
  }
  events.notify();
  space.notify();
}

}  // namespace quire::net
