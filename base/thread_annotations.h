// Names for Clang's thread-safety attributes; empty under other compilers.
#pragma once

#if defined(__clang__)
#define QUIRE_TS(x) __attribute__((x))
#else
#define QUIRE_TS(x)
#endif

#define CAPABILITY(name) QUIRE_TS(capability(name))
#define SCOPED_CAPABILITY QUIRE_TS(scoped_lockable)
#define GUARDED_BY(lock) QUIRE_TS(guarded_by(lock))
#define PT_GUARDED_BY(lock) QUIRE_TS(pt_guarded_by(lock))
#define REQUIRES(...) QUIRE_TS(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) QUIRE_TS(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) QUIRE_TS(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) QUIRE_TS(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) QUIRE_TS(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) QUIRE_TS(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) QUIRE_TS(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) QUIRE_TS(try_acquire_capability(__VA_ARGS__))
#define EXCLUDES(...) QUIRE_TS(locks_excluded(__VA_ARGS__))
#define ASSERT_CAPABILITY(x) QUIRE_TS(assert_capability(x))
#define RETURN_CAPABILITY(x) QUIRE_TS(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS QUIRE_TS(no_thread_safety_analysis)
