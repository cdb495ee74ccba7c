// Integers that do not mix: StrongInt<struct FrameTag> and StrongInt<struct PageTag> are different
// types, so a frame number cannot be handed where a guest address is meant.
#pragma once

#include <compare>
#include <functional>

#include "base/types.h"

namespace quire {

template <typename Tag, typename T = u64>
class StrongInt {
 public:
  using Value = T;
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(T value) : value_(value) {}
  constexpr T value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;

  /// Moving by a plain distance keeps the type; the distance of two values is plain.
  friend constexpr StrongInt operator+(StrongInt a, T d) { return StrongInt(a.value_ + d); }
  friend constexpr StrongInt operator-(StrongInt a, T d) { return StrongInt(a.value_ - d); }
  friend constexpr T operator-(StrongInt a, StrongInt b) { return a.value_ - b.value_; }
  constexpr StrongInt& operator+=(T d) {
    value_ += d;
    return *this;
  }
  constexpr StrongInt& operator-=(T d) {
    value_ -= d;
    return *this;
  }
  constexpr StrongInt& operator++() {
    ++value_;
    return *this;
  }

 private:
  T value_{};
};

}  // namespace quire

template <typename Tag, typename T>
struct std::hash<quire::StrongInt<Tag, T>> {
  std::size_t operator()(quire::StrongInt<Tag, T> v) const noexcept { return std::hash<T>{}(v.value()); }
};
