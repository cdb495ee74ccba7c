// A virtual call of which there is a choice leaves only what all agree in: each method is held to the rule itself.
#include "quire.h"
namespace quire {
bool full();
int work();
class Node {
 public:
  virtual int write(int n) = 0;
  virtual int read(int n) { return n; }
};
class Event : public Node {
 public:
  int write(int n) override {
    lock_.lock();
    if (full()) return 1;  // expect: quire.lock
    lock_.unlock();
    return n;
  }
  int read(int n) override {
    lock_.lock();
    const int r = full() ? 1 : n;
    lock_.unlock();
    return r;
  }
 private:
  Mutex<locks::inode> lock_;
};
class Pipe : public Node {
 public:
  int write(int n) override {
    LockGuard g(lock_);
    return full() ? 1 : n;
  }
  int read(int n) override {
    lock_.lock();
    if (!full()) lock_.unlock();
    return n;  // expect: quire.lock
  }
 private:
  Mutex<locks::inode> lock_;
};
class Plain : public Node {
 public:
  int write(int n) override { return n; }
};
int through(Node& node) { return node.write(1) + node.read(1); }
// Nobody else answers to this call: the caller gives back what it left.
class Only {
 public:
  virtual int begin() = 0;
  virtual void end() = 0;
};
class Single : public Only {
 public:
  int begin() override {
    lock_.lock();
    return work();
  }
  void end() override { lock_.unlock(); }
 private:
  Mutex<locks::inode> lock_;
};
int between(Only& only) {
  const int r = only.begin();
  only.end();
  return r;
}
}
