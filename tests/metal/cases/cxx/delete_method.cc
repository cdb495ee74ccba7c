// Use after free in a method.
struct Mutex { void lock(); void unlock(); bool try_lock(); };
struct Guard { explicit Guard(Mutex& x) : m(x) { m.lock(); } ~Guard() { m.unlock(); } Mutex& m; };
int work();
extern "C" void kfree(const void *);

struct Node {
  int v;
  Node* next;
  int get() const { return v; }
};

int bad(Node* n)
{
  kfree(n);
  return n->v;  // expect: free
}

int good(Node* n)
{
  int v = n->get();
  kfree(n);
  return v;
}
