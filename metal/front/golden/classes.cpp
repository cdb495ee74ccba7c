// Objects that end, methods, virtual calls.
struct Mutex { void lock(); void unlock(); };
struct Guard {
  explicit Guard(Mutex& m) : m_(m) { m_.lock(); }
  ~Guard() { m_.unlock(); }
  Mutex& m_;
};
Mutex mu;
int may(int);

int exits(int x) {
  Guard g(mu);
  if (x == 1) return 1;
  for (int i = 0; i < x; ++i) {
    Guard h(mu);
    if (i == 2) continue;
    if (i == 3) break;
    if (i == 4) goto out;
    may(i);
  }
out:
  return may(x);
}

void temporaries(int x) {
  (void)Guard(mu);
  const Guard& kept = Guard(mu);
  if (x && (Guard(mu), x > 3)) may(x);
}

struct Base { virtual void run(); virtual ~Base(); };
struct Derived : Base {
  void run() override;
  Derived();
  ~Derived() override;
  Guard guard{mu};
  int* p = nullptr;
};
void Derived::run() { delete[] p; p = new int[3]; Base::run(); }
Derived::Derived() : p(new int) {}
Derived::~Derived() { delete p; }
void dispatch(Base* b, Derived& d) { b->run(); d.run(); delete b; }

struct Value { Value(const Value&); Value& operator=(const Value&); ~Value(); int operator[](int) const; };
Value make();
Value pass(Value v) {
  Value w = make();
  w = v;
  may(w[2]);
  return w;
}
