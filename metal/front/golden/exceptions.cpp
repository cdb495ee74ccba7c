// throw and catch inside one function: destructors run on the way.
struct Guard { Guard(); ~Guard(); };
struct Error {};
struct Special : Error {};
void may();
void never() noexcept;

int caught(int x) {
  try {
    Guard g;
    if (x) throw Special();
    may();
    never();
  } catch (const Error& e) {
    return 1;
  } catch (...) {
    return 2;
  }
  return 0;
}

int nested(int x) {
  try {
    Guard outer;
    try {
      Guard inner;
      may();
    } catch (int) {
      throw;
    }
  } catch (Error&) {
    may();
  }
  return x;
}

void leaves(int x) {
  Guard g;
  if (x) throw Error();
}
