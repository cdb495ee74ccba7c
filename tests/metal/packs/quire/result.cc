// A Result that nobody looks at.
namespace std { template <class T, class E> struct expected { T v; bool has_value() const; }; }
std::expected<int, int> step();
void bad() {
  step();  // expect: quire.result
}
bool good() {
  auto r = step();
  return r.has_value();
}
