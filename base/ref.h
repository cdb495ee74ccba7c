// Intrusive reference counting: one pointer wide, safe across threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

#include "base/types.h"

namespace quire {

/// Base of objects held by Ref<T>. Starts at one reference, which Ref<T>::adopt takes over.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void ref() const { count_.fetch_add(1, std::memory_order_relaxed); }
  /// True when this dropped the last reference: the caller then deletes the object.
  [[nodiscard]] bool unref() const { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  /// Takes a reference unless the count is already zero (look-up in a table of weak pointers).
  [[nodiscard]] bool try_ref() const {
    u32 n = count_.load(std::memory_order_relaxed);
    while (n != 0)
      if (count_.compare_exchange_weak(n, n + 1, std::memory_order_acq_rel)) return true;
    return false;
  }
  u32 ref_count() const { return count_.load(std::memory_order_acquire); }

 protected:
  virtual ~RefCounted() = default;

 private:
  template <typename T>
  friend class Ref;
  mutable std::atomic<u32> count_{1};
};

/// A counted pointer to a RefCounted object; may be null.
template <typename T>
class Ref {
 public:
  constexpr Ref() = default;
  constexpr Ref(std::nullptr_t) {}
  /// Shares: takes a further reference.
  explicit Ref(T* p) : p_(p) {
    if (p_ != nullptr) p_->ref();
  }
  Ref(const Ref& o) : Ref(o.p_) {}
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  template <typename U>
    requires std::is_convertible_v<U*, T*>
  Ref(const Ref<U>& o) : Ref(o.get()) {}
  template <typename U>
    requires std::is_convertible_v<U*, T*>
  Ref(Ref<U>&& o) noexcept : p_(o.release()) {}
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() {
    if (p_ != nullptr && p_->unref()) delete static_cast<const RefCounted*>(p_);
  }

  /// Takes over the reference that a fresh object is born with.
  static Ref adopt(T* p) {
    Ref r;
    r.p_ = p;
    return r;
  }
  /// Gives the reference up to the caller.
  [[nodiscard]] T* release() { return std::exchange(p_, nullptr); }

  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.p_ == b.p_; }
  friend bool operator==(const Ref& a, std::nullptr_t) { return a.p_ == nullptr; }

 private:
  T* p_ = nullptr;
};

template <typename T, typename... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>::adopt(new T(std::forward<Args>(args)...));
}

}  // namespace quire

template <typename T>
struct std::hash<quire::Ref<T>> {
  std::size_t operator()(const quire::Ref<T>& r) const noexcept { return std::hash<T*>{}(r.get()); }
};
